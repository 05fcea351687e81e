// SPDX-License-Identifier: Apache-2.0
// Names for terminals, natural order, sizes for people.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "ballast/error.h"
#include "core/option_names.h"
#include "core/text.h"

using namespace ballast;

TEST_CASE("escape: control characters and broken UTF-8 become visible, text stays") {
    CHECK(escape("dense_1/kernel") == "dense_1/kernel");
    CHECK(escape("größe → 重み") == "größe → 重み");
    CHECK(escape("a\x1b[31mb\n") == "a\\x1b[31mb\\x0a");
    CHECK(escape(std::string_view("a\0b", 3)) == "a\\x00b");
    CHECK(escape("\x7f") == "\\x7f");
    CHECK(escape("\xc2\x9b") == "\\xc2\\x9b");           // C1: CSI in one character
    CHECK(escape("\xff\xc0\xaf") == "\\xff\\xc0\\xaf");  // never UTF-8, and an overlong slash
    CHECK(escape("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // a lone surrogate
}

TEST_CASE("is_utf8 follows the standard's table") {
    CHECK(is_utf8(""));
    CHECK(is_utf8("\xf4\x8f\xbf\xbf"));
    CHECK_FALSE(is_utf8("\xf4\x90\x80\x80"));
    CHECK_FALSE(is_utf8("\xe2\x82"));
    CHECK_FALSE(is_utf8("\x80"));
}

TEST_CASE("natural_less: digits compare as numbers") {
    std::vector<std::string> names = {"vars/10", "vars/2", "dense_10", "dense", "dense_2", "vars/0"};
    std::sort(names.begin(), names.end(), natural_less);
    CHECK(names == std::vector<std::string>{"dense", "dense_2", "dense_10", "vars/0", "vars/2", "vars/10"});
    CHECK_FALSE(natural_less("a", "a"));
    CHECK(natural_less("a01", "a1") != natural_less("a1", "a01"));  // equal numbers: still a total order
}

TEST_CASE("human_size") {
    CHECK(human_size(0) == "0 B");
    CHECK(human_size(512) == "512 B");
    CHECK(human_size(1536) == "1.5 kB");
    CHECK(human_size(476'000'000) == "476 MB");
}

TEST_CASE("edit_distance is capped") {
    CHECK(edit_distance("kernel", "kernel", 3) == 0);
    CHECK(edit_distance("kernel", "kernal", 3) == 1);
    CHECK(edit_distance("kernel", "bias", 3) == 4);
}

TEST_CASE("hints name options of the tool, and what they are in C++") {
    const std::string hint = "give --like FILE, or leave --to out";
    const std::string both = hint + " (in C++: --like is ConvertOptions::like; --to is ConvertOptions::to)";
    CHECK(with_members(hint) == both);
    CHECK(with_members(both) == both);  // also of an error made of another
    CHECK(for_tool(both) == hint);
    CHECK(for_tool(hint) == hint);
    CHECK(with_members("as `ballast inspect --json` lists") == "as `ballast inspect --json` lists");
    CHECK(with_members("--from-backend theano") ==
          "--from-backend theano (in C++: --from-backend is ConvertOptions::from_backend)");
    CHECK(Error(ErrorCode::lossy, "lost").hint("--dtype float32").hint() ==
          "--dtype float32 (in C++: --dtype is ConvertOptions::dtype)");
}
