// SPDX-License-Identifier: Apache-2.0
// Tree: order, verbatim numbers, lenient reading, depth.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "ballast/error.h"
#include "ballast/tree.h"

using namespace ballast;

TEST_CASE("objects keep the order of their keys, and set() keeps a key's place") {
    Tree tree = Tree::object();
    tree.set("z", 1);
    tree.set("a", 2);
    tree.set("z", 3);
    REQUIRE(tree.size() == 2);
    CHECK(tree.members()[0].first == "z");
    CHECK(tree["z"].as_int64() == 3);
    CHECK(tree.erase("z"));
    CHECK_FALSE(tree.erase("z"));
}

TEST_CASE("numbers keep their text") {
    CHECK(Tree::number("1e400").number_text() == "1e400");
    CHECK(Tree::number("18446744073709551615").as_uint64() == std::numeric_limits<std::uint64_t>::max());
    CHECK_FALSE(Tree::number("18446744073709551615").as_int64().has_value());
    CHECK(std::isnan(*Tree::number("NaN").as_double()));
    CHECK(*Tree::number("-Infinity").as_double() < 0);
    CHECK(Tree(1.0).number_text() == "1.0");
    CHECK(Tree(0.1).number_text() == "0.1");
}

TEST_CASE("reading the wrong kind is no error, writing it is") {
    const Tree text = "x";
    CHECK_FALSE(text.as_int64().has_value());
    CHECK(text["missing"].is_null());
    CHECK(text.at(7).is_null());
    Tree number = 1;
    CHECK_THROWS_AS(number.set("a", 1), Error);
    CHECK_THROWS_AS(number.push_back(1), Error);
}

TEST_CASE("a tree a million deep is compared and freed without the stack") {
    const auto nested = [] {
        Tree tree;
        for (int i = 0; i < 1'000'000; ++i) {
            Tree outer = Tree::array();
            outer.push_back(std::move(tree));
            tree = std::move(outer);
        }
        return tree;
    };
    const Tree a = nested(), b = nested();
    CHECK(a == b);
}

TEST_CASE("equality is structural") {
    Tree a = Tree::object(), b = Tree::object();
    a.set("x", 1);
    b.set("x", Tree::number("1.0"));
    CHECK_FALSE(a == b);
    b.set("x", 1);
    CHECK(a == b);
    b.set("y", Tree());
    CHECK_FALSE(a == b);
}
