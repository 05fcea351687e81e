// SPDX-License-Identifier: Apache-2.0
// The JSON writer against texts printed by Python's json.dumps, and hostile input through both directions.
#include <random>
#include <string>

#include <doctest/doctest.h>

#include "ballast/error.h"
#include "container/json/json.h"
#include "container/json/utf8.h"

using ballast::Error;
using ballast::Tree;
namespace json = ballast::json;

namespace {

/// Python 3.11: json.dumps(value) of a value that exercises every rule of ours.
constexpr std::string_view python_text =
    R"({"name": "conv\u00e9 \u2603 \ud83d\ude00", "quote\"back\\": "\b\f\n\r\t\u0000\u001f\u007f/", )"
    R"("numbers": [0, -1, 1.5, 1e-07, 1e+16, 12345678901234567890123, NaN, Infinity, -Infinity], )"
    R"("empty": [[], {}], "flags": [true, false, null]})";

/// json.dumps(…, indent=2)
constexpr std::string_view python_indented = R"({
  "a": [
    1,
    {
      "b": []
    }
  ],
  "c": {}
})";

}  // namespace

TEST_CASE("parse and write give Python's text back") {
    CHECK(json::write(json::parse(python_text, {}, "t")) == python_text);
    CHECK(json::write(json::parse(python_indented, {}, "t"), 2) == python_indented);
    CHECK(json::write(Tree()) == "null");
    CHECK(json::write(Tree::array()) == "[]");
}

TEST_CASE("bytes that are no UTF-8 become U+FFFD and the text stays valid") {
    const std::string text =
        json::write(Tree("a\xff"
                         "b\xed\xa0\x80"
                         "c\xe2\x82"));
    CHECK(text == R"("a\ufffdb\ufffd\ufffd\ufffdc\ufffd\ufffd")");
    CHECK_NOTHROW(json::parse(text, {}, "t"));
}

TEST_CASE("UTF-8 sequences at the borders of the table") {
    using ballast::utf8::find_invalid;
    for (const char* good : {"\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                             "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
        CHECK(find_invalid(good) == std::string_view::npos);
    for (const char* bad :
         {"\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xef\xbf", "\xef\xbf\x7f",
          "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf0\x90\x80\xc0"})
        CHECK(find_invalid(bad) == 0);
    CHECK(find_invalid("ab\xc3\xa9"
                       "c\xff") == 5);
}

TEST_CASE("every truncation and 4,000 mutations give a tree or an Error with a place inside the text") {
    const std::string seed(python_text);
    std::size_t refused = 0;
    const auto check = [&](const std::string& text) {
        try {
            // What was accepted once is accepted again in our own spelling, with the same value.
            const Tree tree = json::parse(text, {}, "t");
            CHECK(json::parse(json::write(tree), {}, "t") == tree);
        } catch (const Error& error) {
            ++refused;
            REQUIRE(error.offset().has_value());
            CHECK(*error.offset() <= text.size());
        }
    };
    for (std::size_t length = 0; length < seed.size(); ++length)
        check(seed.substr(0, length));
    CHECK(refused == seed.size());

    std::mt19937 random(7);
    const std::string_view alphabet = "{}[]\",:\\u0dD8eE+-.NI \0\x80\xc3\xed\xa0\xff";
    for (int i = 0; i < 4000; ++i) {
        std::string text = seed;
        for (unsigned edits = 1 + random() % 4; edits > 0; --edits) {
            const std::size_t at = random() % text.size();
            switch (random() % 3) {
                case 0:
                    text[at] = static_cast<char>(random());
                    break;
                case 1:
                    text[at] = alphabet[random() % alphabet.size()];
                    break;
                default:
                    text.erase(at, 1 + random() % 5);
                    break;
            }
        }
        check(text);
    }
}
