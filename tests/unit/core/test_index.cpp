// SPDX-License-Identifier: Apache-2.0
// Index: names, globs, collisions; Error: what it says.
#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "ballast/error.h"
#include "ballast/index.h"
#include "core/error_table.h"

using namespace ballast;

namespace {

TensorInfo tensor(std::string name, std::string stored) {
    TensorInfo info;
    info.name = std::move(name);
    info.stored_name = std::move(stored);
    info.shape = Shape{2};
    return info;
}

std::shared_ptr<const Index> sample() {
    return Index::make({tensor("conv1/kernel", "layers/conv2d/vars/0"),
                        tensor("conv1/bias", "layers/conv2d/vars/1"), tensor("x", "y"), tensor("y", "z"),
                        tensor("same", "s1"), tensor("same", "s2")});
}

ErrorCode code_of(auto&& work) {
    try {
        work();
    } catch (const Error& error) {
        return error.code();
    }
    return ErrorCode::internal;
}

}  // namespace

TEST_CASE("find: the stored name first, then the canonical one") {
    const auto index = sample();
    CHECK(index->find("conv1/bias") == 1);
    CHECK(index->find("layers/conv2d/vars/0") == 0);
    CHECK(index->find("y") == 2);  // stored name of one, canonical name of another
    CHECK(code_of([&] { index->find("conv1/kernal"); }) == ErrorCode::name_not_found);
}

TEST_CASE("equal canonical names are numbered in order, around names that are taken") {
    const auto index =
        Index::make({tensor("a", "1"), tensor("a", "2"), tensor("a#2", "3"), tensor("a", "4")});
    CHECK(index->tensors()[0].name == "a");
    CHECK(index->tensors()[1].name == "a#3");
    CHECK(index->tensors()[2].name == "a#2");
    CHECK(index->tensors()[3].name == "a#4");
}

TEST_CASE("a missing name suggests a near one") {
    try {
        sample()->find("conv1/kernal");
        FAIL("found a name that is not there");
    } catch (const Error& error) {
        CHECK(error.hint().find("conv1/kernel") != std::string::npos);
    }
}

TEST_CASE("globs: a star stops at the slash, two do not") {
    CHECK(glob_match("conv*/kernel", "conv1/kernel"));
    CHECK_FALSE(glob_match("conv*", "conv1/kernel"));
    CHECK(glob_match("conv**", "conv1/kernel"));
    CHECK(glob_match("**/kernel", "a/b/c/kernel"));
    CHECK(glob_match("**/kernel", "kernel"));
    CHECK(glob_match("kernel", "a/b/kernel"));  // a pattern without '/' also fits the last part
    CHECK(glob_match("layers/**/vars/[01]", "layers/a/cell/vars/1"));
    CHECK_FALSE(glob_match("layers/**/vars/[!01]", "layers/a/cell/vars/1"));
    CHECK(glob_match("a?c", "abc"));
    CHECK_FALSE(glob_match("a?c", "a/c"));
    CHECK(glob_match("*a*b", "x/aab"));
    CHECK_FALSE(glob_match("x*a*b", "xaxb/aab"));
    CHECK(sample()->match("conv1/*").size() == 2);
    CHECK(code_of([] { sample()->match("nothing/*"); }) == ErrorCode::name_not_found);
}

TEST_CASE("a glob of many stars is answered at once") {
    const std::string name(2000, 'a');
    std::string pattern;
    for (int i = 0; i < 200; ++i)
        pattern += "*a";
    CHECK_FALSE(glob_match(pattern + "b", name));
}

TEST_CASE("an error keeps the first details and escapes names") {
    Error error = Error(ErrorCode::damaged, "bad").in("a\x1b.h5").at(7).tensor("t");
    error.in("other").at(8);
    CHECK(std::strcmp(error.what(), "a\\x1b.h5: bad (tensor 't', at offset 7) [damaged]") == 0);
    CHECK(error.kind() == ErrorKind::damaged);
    for (const ErrorRow& row : error_table) {
        CHECK(to_string(row.code) == row.name);
        CHECK_FALSE(describe(row.code).empty());
    }
}
