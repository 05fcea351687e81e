// SPDX-License-Identifier: Apache-2.0
// What the JSON reader accepts, what it refuses, and where it says the fault is.
#include <ctime>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "ballast/error.h"
#include "container/json/json.h"

using ballast::Error;
using ballast::ErrorCode;
using ballast::Limits;
using ballast::Tree;
namespace json = ballast::json;

namespace {

Tree parse(std::string_view text, const Limits& limits = {}) {
    return json::parse(text, limits, "test.json");
}

/// The error of parsing `text`; fails the test when there is none.
Error error_of(std::string_view text, const Limits& limits = {}) {
    try {
        parse(text, limits);
    } catch (const Error& error) {
        CHECK(error.path() == "test.json");
        CHECK(error.offset().has_value());
        return error;
    }
    FAIL("accepted: ", std::string(text.substr(0, 80)));
    return {ErrorCode::internal, ""};
}

std::string nested(std::size_t depth, char open, char close, std::string_view key = "") {
    std::string text;
    for (std::size_t i = 0; i < depth; ++i)
        text += open + std::string(key);
    text += "1";
    text.append(depth, close);
    return text;
}

}  // namespace

TEST_CASE("values of every kind keep their order and text") {
    const Tree tree =
        parse(R"( {"b": [1, -2.50e+01, "x\u00e9\n", true, null, {}], "a": 18446744073709551616} )");
    REQUIRE(tree.members().size() == 2);
    CHECK(tree.members()[0].first == "b");
    const auto& items = tree["b"].items();
    REQUIRE(items.size() == 6);
    CHECK(items[0].as_int64() == 1);
    CHECK(items[1].number_text() == "-2.50e+01");
    CHECK(items[2].as_string() == "x\xc3\xa9\n");
    CHECK(items[3].as_bool() == true);
    CHECK(items[4].is_null());
    CHECK(items[5].is_object());
    CHECK(tree["a"].number_text() == "18446744073709551616");
}

TEST_CASE("scalars at the root") {
    CHECK(parse("7").as_int64() == 7);
    CHECK(parse(" \"a\" \n").as_string() == "a");
    CHECK(parse("null").is_null());
    CHECK(parse("-0.0").number_text() == "-0.0");
}

TEST_CASE("Python's number words are numbers, others are not") {
    const Tree tree = parse("[NaN, Infinity, -Infinity]");
    CHECK(tree.at(0).number_text() == "NaN");
    CHECK(tree.at(1).number_text() == "Infinity");
    CHECK(tree.at(2).number_text() == "-Infinity");
    for (const char* word :
         {"Inf", "-Inf", "-NaN", "nan", "infinity", "+1", "01", ".5", "1.", "1e", "0x10", "--1", "-"})
        CHECK(error_of(word).code() == ErrorCode::damaged);
}

TEST_CASE("strict texts have no number words") {
    for (const char* text : {"NaN", "[Infinity]", "{\"a\": -Infinity}"})
        CHECK_THROWS_AS(json::parse(text, {}, "x", 0, json::Words::none), Error);
    CHECK(json::parse("[1.5e3]", {}, "x", 0, json::Words::none).at(0).number_text() == "1.5e3");
}

TEST_CASE("numbers beyond a double are refused, also those that crash RapidJSON's full precision mode") {
    CHECK(error_of("1e400").code() == ErrorCode::limit_exceeded);
    CHECK(error_of(std::string(400, '9')).code() == ErrorCode::limit_exceeded);
    CHECK(parse("1e-400").number_text() == "1e-400");
    const char* issue_1251 = "128.74836467836484838364836483643636483648e-336";
    CHECK(parse(issue_1251).number_text() == issue_1251);
    CHECK(error_of("0e99999999999999999999").code() == ErrorCode::limit_exceeded);
}

TEST_CASE("strings: escapes, NUL, surrogates, UTF-8") {
    CHECK(parse(R"("\ud83d\ude00")").as_string() == "\xf0\x9f\x98\x80");
    CHECK(parse(R"("a\u0000b")").as_string() == std::string_view("a\0b", 3));
    CHECK(parse(R"({"a\u0000b": 1})").members()[0].first == std::string_view("a\0b", 3));
    CHECK(parse("\"\xed\x9f\xbf\"").as_string() == "\xed\x9f\xbf");
    for (const char* text :
         {R"("\ud800")", R"("\ud800x")", R"("\ud800\u0041")", R"("\udc00")", R"({"\udfff": 1})"})
        CHECK(error_of(text).code() == ErrorCode::damaged);
    for (const char* text :
         {"\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe2\x82\""})
        CHECK(error_of(text).code() == ErrorCode::damaged);
    CHECK(error_of("\"a\nb\"").offset() == 2);
    CHECK(error_of(R"("\x41")").code() == ErrorCode::damaged);
}

TEST_CASE("text around the value") {
    CHECK(error_of("").code() == ErrorCode::damaged);
    CHECK(error_of("  ").code() == ErrorCode::damaged);
    CHECK(error_of("{} x").offset() == 3);
    CHECK(error_of(std::string_view("{}\0{}", 5)).offset() == 2);
    CHECK(error_of("\xef\xbb\xbf{}").message().find("byte order mark") != std::string::npos);
    CHECK(error_of("[1, 2").message().find("ends here") != std::string::npos);
    CHECK(error_of("[1,]").code() == ErrorCode::damaged);
    CHECK(error_of("{'a': 1}").code() == ErrorCode::damaged);
    CHECK(error_of("// c\n{}").code() == ErrorCode::damaged);
}

TEST_CASE("duplicate keys are refused where the second one stands") {
    const Error error = error_of(R"({"k": 1, "x": {"k": 2, "l": {}}, "k": 3})");
    CHECK(error.code() == ErrorCode::damaged);
    CHECK(error.offset() == 36);
    CHECK(error.message().find("'k'") != std::string::npos);
    CHECK(parse(R"([{"k": 1}, {"k": 1}, {"": {"": 0}}])").size() == 3);
    CHECK_THROWS_AS(parse(R"({"a": 1, "\u0061": 2})"), Error);
}

TEST_CASE("offsets count from the base") {
    try {
        json::parse("[1 2]", {}, "x", 100);
        FAIL("accepted");
    } catch (const Error& error) {
        CHECK(error.offset() == 103);
    }
}

TEST_CASE("depth is bounded exactly, and a million levels need no stack") {
    const Limits limits;
    CHECK(parse(nested(limits.json_depth, '[', ']')).is_array());
    CHECK(error_of(nested(limits.json_depth + 1, '[', ']')).offset() == limits.json_depth);
    CHECK(error_of(nested(1'000'000, '[', ']')).code() == ErrorCode::limit_exceeded);
    CHECK(error_of(nested(1'000'000, '{', '}', "\"a\":")).code() == ErrorCode::limit_exceeded);
    Limits wide;
    wide.json_depth = 2'000'000;
    const Tree deep = parse(nested(1'000'000, '[', ']'), wide);
    CHECK(json::write(deep) == nested(1'000'000, '[', ']'));
}

TEST_CASE("size and node limits") {
    Limits limits;
    limits.json_bytes = 10;
    CHECK(parse("[1,2,3,40]", limits).size() == 4);
    CHECK(error_of("[1,2,3,401]", limits).code() == ErrorCode::limit_exceeded);
    limits = {};
    limits.json_nodes = 4;
    CHECK(parse("[1, {\"a\": 2}]", limits).size() == 2);
    CHECK(error_of("[1, {\"a\": 2}, 3]", limits).message().find("json_nodes") != std::string::npos);
}

TEST_CASE("a 10 MB config parses fast") {
    std::string text = "[";
    while (text.size() < 10'000'000)
        text +=
            R"({"class_name": "Dense", "config": {"name": "dense_12", "units": 128, "use_bias": true, "rate": 0.5}}, )";
    text += "null]";
    const std::clock_t start = std::clock();
    const Tree tree = parse(text);
    const double taken = double(std::clock() - start) / CLOCKS_PER_SEC;
    MESSAGE("10 MB in ", taken, " s");
    CHECK(tree.size() > 90'000);
}

TEST_CASE("an object of 200,000 keys is checked for duplicates fast") {
    std::string text = "{";
    for (int i = 0; i < 200'000; ++i)
        text += "\"key_" + std::to_string(i) + "\": 0, ";
    CHECK(parse(text + "\"last\": 1}").size() == 200'001);
    CHECK(error_of(text + "\"key_77\": 1}").message().find("key_77") != std::string::npos);
}
