// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <set>
#include <string>

#include "io/names.h"
#include "support/expect_error.h"

using namespace ballast;
using namespace ballast::io;

TEST_CASE("names that leave the folder are refused") {
    for (const std::string name : {"", ".", "..", "/a", "a/", "a//b", "a/../b", "../a", "a/..", "a/."})
        CHECK_MESSAGE(test::code_of([&] { check_name(name, "root"); }) == ErrorCode::unsafe_name, name);
    CHECK(test::code_of([] { check_name(std::string_view("a\0b", 3), "root"); }) == ErrorCode::unsafe_name);
    for (const std::string name : {"a", "a/b", "...", "..a", "a/..b/c", " ", "\x1b[0m", "\\", "a:b"})
        CHECK_NOTHROW(check_name(name, "root"));
}

TEST_CASE("temporary names are hidden, fresh, recognised and never too long") {
    std::set<std::string> seen;
    for (const std::size_t length : {std::size_t{1}, std::size_t{229}, std::size_t{230}, std::size_t{255}}) {
        const std::string leaf(length, 'x');
        const std::string name = temporary_leaf(leaf);
        CHECK(name.front() == '.');
        CHECK(name.size() <= 255);
        CHECK(is_temporary_of(name, leaf));
        CHECK_FALSE(is_temporary_of(name, leaf + "y"));
        CHECK_FALSE(is_temporary_of(name + "~", leaf));
        CHECK(seen.insert(name).second);
        CHECK(seen.insert(temporary_leaf(leaf)).second);
    }
    CHECK_FALSE(is_temporary_of(".a.0123456789ab.ballast-tmp", "b"));
    CHECK_FALSE(is_temporary_of(".a.0123456789aX.ballast-tmp", "a"));
    CHECK_FALSE(is_temporary_of(".ballast-tmp", ""));
}

TEST_CASE("long names that differ only behind the cut stay apart, and UTF-8 is not cut inside a character") {
    const std::string head(240, 'x');
    CHECK_FALSE(is_temporary_of(temporary_leaf(head + "1"), head + "2"));
    std::string umlauts;
    for (int i = 0; i < 125; ++i)
        umlauts += "\xC3\xA4";
    const std::string name = temporary_leaf(umlauts);
    CHECK(name.size() <= 255);
    CHECK(name.find("\xC3~") == std::string::npos);
    CHECK(is_temporary_of(name, umlauts));
    CHECK(temporary_leaf(head, 143).size() <= 143);
}

TEST_CASE("names split at the last slash") {
    CHECK(split_name("a/b/c").folder == "a/b");
    CHECK(split_name("a/b/c").leaf == "c");
    CHECK(split_name("c").folder.empty());
    CHECK(join_name("", "c") == "c");
    CHECK(join_name("a", "c") == "a/c");
}
