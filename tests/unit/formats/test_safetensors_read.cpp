// SPDX-License-Identifier: Apache-2.0
// Reading safetensors: files of the reference library, each check with its error, detection.
#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include "support/expect_error.h"
#include "support/memory_file.h"
#include "support/scratch.h"

using namespace ballast;

namespace {

std::string length_of(std::uint64_t length) {
    std::string bytes;
    for (unsigned i = 0; i < 8; ++i)
        bytes += static_cast<char>(length >> 8 * i);
    return bytes;
}

std::string file(std::string_view header, std::string_view data = "") {
    return length_of(header.size()) + std::string(header) + std::string(data);
}

std::shared_ptr<Archive> open_bytes(std::string_view bytes, const OpenOptions& options = {},
                                    std::string name = "x.safetensors") {
    return open(test::memory_file(std::move(name), bytes), options);
}

struct Case {
    std::string what;
    std::string bytes;
    ErrorCode code;
    const char* message;  ///< a part of it
    const char* tensor = "";
};

const std::string one = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";

}  // namespace

TEST_CASE("the reference library's files") {
    const std::filesystem::path golden = std::filesystem::path(BALLAST_TEST_DATA) / "golden";
    const auto dtypes = open(golden / "safetensors-0.8.0-dtypes.safetensors");
    CHECK(dtypes->format().id == "safetensors");
    CHECK(dtypes->kind() == "tensors");
    const auto tensors = dtypes->index().tensors();
    REQUIRE(tensors.size() == 6);
    const std::vector<std::tuple<std::string, DType, Shape, std::uint64_t>> expected = {
        {"f64", DType::float64, {1, 2}, 360},   {"none", DType::float32, {0, 4}, 376},
        {"bf16", DType::bfloat16, {2, 3}, 376}, {"f16", DType::float16, {5}, 388},
        {"u8", DType::uint8, {7}, 398},         {"flag", DType::boolean, {3}, 405},
    };
    for (std::size_t i = 0; i < 6; ++i) {
        const auto& [name, dtype, shape, offset] = expected[i];
        CHECK(tensors[i].name == name);
        CHECK(tensors[i].dtype == dtype);
        CHECK(tensors[i].shape == shape);
        CHECK(std::get<Extent>(tensors[i].storage.layout).offset == offset);
        CHECK(tensors[i].part == Part::loose);
    }
    const auto plain = open(golden / "safetensors-0.8.0-plain.safetensors");
    CHECK(plain->metadata()["made_by"].as_string() == "test");
    CHECK(plain->index().tensors()[0].stored_name == "steps");
    CHECK(plain->index().tensors()[0].shape.rank() == 0);
    CHECK(plain->get<float>("encoder.weight").shape() == Shape{3, 2});
    CHECK(plain->warnings().empty());
}

TEST_CASE("each check has its error") {
    const std::vector<Case> cases = {
        {"empty file", "", ErrorCode::truncated, "too small"},
        {"seven bytes", "1234567", ErrorCode::truncated, "too small"},
        {"no header", length_of(0), ErrorCode::damaged, "JSON"},
        {"header cut", length_of(100) + "{}", ErrorCode::truncated, "header length is 100"},
        {"length of 2^63", length_of(1ULL << 63) + "{}", ErrorCode::damaged, "9223372036854775808"},
        {"not UTF-8", file("{\"a\xff\":1}"), ErrorCode::damaged, "UTF-8"},
        {"not JSON", file("{\"a\":}"), ErrorCode::damaged, "JSON"},
        {"NaN", file(R"({"a":{"dtype":"U8","shape":[1],"x":NaN,"data_offsets":[0,1]}})", "x"),
         ErrorCode::damaged, "JSON"},
        {"trailing text", file("{}x"), ErrorCode::damaged, "JSON"},
        {"NUL padding", file(std::string_view("{}\0\0", 4)), ErrorCode::damaged, "JSON"},
        {"a list", file("[]"), ErrorCode::damaged, "no JSON object"},
        {"two tensors of a name", file(one.substr(0, one.size() - 1) + "," + one.substr(1), "x"),
         ErrorCode::damaged, "twice"},
        {"metadata list", file(R"({"__metadata__":[]})"), ErrorCode::damaged, "__metadata__"},
        {"metadata number", file(R"({"__metadata__":{"a":1}})"), ErrorCode::damaged, "'a'"},
        {"metadata twice", file(R"({"__metadata__":{"a":"1","a":"2"}})"), ErrorCode::damaged, "twice"},
        {"NUL in a name", file(R"({"a\u0000":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "x"),
         ErrorCode::damaged, "NUL", "a\0"},
        {"no entry", file(R"({"a":["U8",[1],[0,1]]})", "x"), ErrorCode::damaged, "no object", "a"},
        {"no dtype", file(R"({"a":{"shape":[1],"data_offsets":[0,1]}})", "x"), ErrorCode::damaged, "no dtype",
         "a"},
        {"unknown dtype", file(R"({"a":{"dtype":"Q8","shape":[1],"data_offsets":[0,1]}})", "x"),
         ErrorCode::unsupported, "'Q8'", "a"},
        {"dtype we lack", file(R"({"a":{"dtype":"F8_E8M0","shape":[1],"data_offsets":[0,1]}})", "x"),
         ErrorCode::unsupported, "F8_E8M0", "a"},
        {"no shape", file(R"({"a":{"dtype":"U8","shape":null,"data_offsets":[0,1]}})", "x"),
         ErrorCode::damaged, "no shape", "a"},
        {"negative", file(R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", "x"),
         ErrorCode::damaged, "dimension", "a"},
        {"fraction", file(R"({"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}})", "x"),
         ErrorCode::damaged, "dimension", "a"},
        {"2^64", file(R"({"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,1]}})", "x"),
         ErrorCode::damaged, "dimension", "a"},
        {"overflow", file(R"({"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}})"),
         ErrorCode::damaged, "overflows", "a"},
        {"overflow before 0",
         file(R"({"a":{"dtype":"U8","shape":[18446744073709551615,2,0],"data_offsets":[0,0]}})"),
         ErrorCode::damaged, "overflows", "a"},
        {"overflow of bytes",
         file(R"({"a":{"dtype":"F64","shape":[9223372036854775807],"data_offsets":[0,0]}})"),
         ErrorCode::damaged, "overflows", "a"},
        {"too large",
         file(R"({"a":{"dtype":"U8","shape":[1099511627777],"data_offsets":[0,1099511627777]}})"),
         ErrorCode::limit_exceeded, "tensor_bytes", "a"},
        {"three offsets", file(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}})", "x"),
         ErrorCode::damaged, "data_offsets", "a"},
        {"reversed", file(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", "x"),
         ErrorCode::damaged, "end before", "a"},
        {"wrong size", file(R"({"a":{"dtype":"U16","shape":[2],"data_offsets":[0,2]}})", "xx"),
         ErrorCode::damaged, "takes 4 bytes", "a"},
        {"hole first", file(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", "xx"),
         ErrorCode::damaged, "hole", "a"},
        {"overlap",
         file(
             R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
             "xxx"),
         ErrorCode::damaged, "overlap", "b"},
        {"same bytes twice",
         file(
             R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
             "x"),
         ErrorCode::damaged, "overlap", "b"},
        {"data cut", file(one), ErrorCode::truncated, "file ends", "a"},
        {"bytes behind", file(one, "xyz"), ErrorCode::damaged, "2 bytes behind"},
    };
    for (const Case& row : cases) {
        CAPTURE(row.what);
        const Error error = test::error_of([&] { open_bytes(row.bytes); });
        CHECK(error.code() == row.code);
        CHECK(error.message().find(row.message) != std::string::npos);
        CHECK(error.path() == "memory:x.safetensors");
        CHECK(error.offset().has_value());
        if (*row.tensor != 0) CHECK(error.tensor().starts_with(row.tensor));
    }
}

TEST_CASE("what the reference accepts is accepted") {
    CHECK(open_bytes(file("{}"))->index().size() == 0);
    CHECK(open_bytes(file(" \n{}  "))->index().size() == 0);
    CHECK(open_bytes(file(R"({"__metadata__":null})"))->metadata().size() == 0);
    CHECK(open_bytes(file(R"({"__metadata__":{}})"))->metadata().is_object());
    CHECK(open_bytes(file(R"({"":{"dtype":"U8","shape":[1],"x":{"y":[1e3]},"data_offsets":[0,1]}})", "x"))
              ->index()
              .size() == 1);
    // An odd header length leaves the data unaligned: get() copies.
    const auto odd = open_bytes(
        file(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})", std::string_view("\0\0\x80?", 4)));
    CHECK(odd->get<float>("a")[0] == 1.0F);
    const auto empty = open_bytes(file(
        R"({"b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F64","shape":[3,0],"data_offsets":[0,0]},"c":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
        "x"));
    CHECK(empty->index().tensors()[0].name == "b");
    CHECK(empty->index().tensors()[2].name == "c");
}

TEST_CASE("limits are checked before memory is taken") {
    OpenOptions options;
    options.limits.json_bytes = 60;
    CHECK(test::code_of([&] { open_bytes(file(one + std::string(80, ' '), "x"), options); }) ==
          ErrorCode::limit_exceeded);
    options.limits = {};
    options.limits.objects = 0;
    CHECK(test::code_of([&] { open_bytes(file(one, "x"), options); }) == ErrorCode::limit_exceeded);
    // A length of 200 MiB in a file of 10 bytes: no allocation, just an error.
    CHECK(test::code_of([] { open_bytes(length_of(200U << 20U) + "{}"); }) == ErrorCode::truncated);
}

TEST_CASE("content decides, the name only helps") {
    CHECK(open_bytes(file(one, "x"), {}, "weights.bin")->format().id == "safetensors");
    CHECK(open_bytes(file(one, "x"), {}, "x.weights.h5")->warnings().size() == 1);
    CHECK(test::code_of([] { open_bytes("hello, world: no model", {}, "x.bin"); }) ==
          ErrorCode::unknown_format);
    // Called ours and nobody else's: the error tells what is wrong with it.
    CHECK(test::code_of([] { open_bytes("hello, world: no model"); }) == ErrorCode::damaged);
    CHECK(test::code_of([] { open_bytes(file(one), {}, "renamed"); }) == ErrorCode::truncated);
}

TEST_CASE("a layout in the metadata that does not fit is ignored with a warning") {
    for (const char* text :
         {"", "nonsense", "[]", R"({\"schema\": 2})", R"({\"schema\": 1, \"digest\": \"x\"})"}) {
        CAPTURE(std::string(text));
        const auto archive = open_bytes(
            file(R"({"__metadata__":{"ballast":")" + std::string(text) + "\"}," + one.substr(1), "x"));
        REQUIRE(archive->warnings().size() == 1);
        CHECK(archive->warnings()[0].find("ignored") != std::string::npos);
        CHECK(archive->kind() == "tensors");
        CHECK(archive->index().size() == 1);
    }
}
