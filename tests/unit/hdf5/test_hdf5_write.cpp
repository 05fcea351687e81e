// SPDX-License-Identifier: Apache-2.0
// hdf5::Builder: bytes, sizes and errors. That libhdf5 and h5py read the files is
// tests/interop/test_hdf5_writer.py.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "ballast/error.h"
#include "container/hdf5/write.h"
#include "support/render_plan.h"

using ballast::DType;
using ballast::Error;
using ballast::ErrorCode;
using ballast::PlannedFile;
using ballast::Shape;
using ballast::hdf5::Builder;
using Bytes = std::vector<std::byte>;

namespace {

template <class T>
ballast::TensorExpr tensor_of(DType dtype, Shape shape, std::initializer_list<T> values) {
    Bytes bytes(values.size() * sizeof(T));
    if (!bytes.empty()) std::memcpy(bytes.data(), values.begin(), bytes.size());
    return ballast::test::tensor(dtype, std::move(shape), std::move(bytes));
}

ballast::TensorExpr floats(Shape shape) {
    Bytes bytes(4 * shape.element_count());
    return ballast::test::tensor(DType::float32, std::move(shape), std::move(bytes));
}

std::uint64_t little(const Bytes& image, std::size_t at, std::size_t width) {
    std::uint64_t value = 0;
    for (std::size_t i = width; i-- != 0;)
        value = value << 8 | std::to_integer<std::uint64_t>(image.at(at + i));
    return value;
}

bool holds(const Bytes& image, std::string_view text) {
    return std::string_view(reinterpret_cast<const char*>(image.data()), image.size()).find(text) !=
           std::string_view::npos;
}

template <class Work>
ErrorCode code_of(Work work) {
    try {
        work();
    } catch (const Error& error) {
        CHECK_FALSE(error.message().empty());
        return error.code();
    }
    FAIL("no error");
    return ErrorCode::internal;
}

/// Hexadecimal text at an offset; blanks are for the eye.
struct Row {
    std::size_t offset;
    std::string_view hex;
};

void put(Bytes& image, const Row& row) {
    std::string digits;
    for (const char c : row.hex) {
        if (c != ' ') digits += c;
    }
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        image.at(row.offset + i / 2) = static_cast<std::byte>(std::stoi(digits.substr(i, 2), nullptr, 16));
    }
}

}  // namespace

TEST_CASE("the smallest Keras-like file, byte for byte as libhdf5 was seen to accept it") {
    Builder builder;
    const auto group = builder.group(builder.root(), "v");
    builder.attribute(group, "name", "dense", Builder::Charset::utf8);
    builder.dataset(group, "0", tensor_of<float>(DType::float32, {2}, {1.0f, 2.0f}));
    const Bytes image = ballast::test::render(builder.plan("v.weights.h5"));

    Bytes expected(6344);
    const Row rows[] = {
        // Superblock: K 4 and 16, end of file, root entry.
        {0x000, "89484446 0d0a1a0a 00000000 00080800 04001000 00000000"},
        {0x020, "ffffffffffffffff c818000000000000 ffffffffffffffff"},
        {0x040, "6000000000000000 01000000 00000000 8800000000000000 a802000000000000"},
        // Root group: header, B-tree, heap, symbol node.
        {0x060, "01000100 01000000 18000000 00000000 1100100000000000 8800000000000000 a802000000000000"},
        {0x088, "54524545 00000100 ffffffffffffffff ffffffffffffffff"},
        {0x0a8, "d802000000000000 0800000000000000"},
        {0x2a8, "48454150 00000000 1000000000000000 0100000000000000 c802000000000000 0000000000000000 76"},
        {0x2d8, "534e4f44 01000100 0800000000000000 2004000000000000 01000000 00000000"},
        {0x2f8, "9004000000000000 b006000000000000"},
        // Group v: header with the attribute.
        {0x420, "01000200 01000000 60000000 00000000 1100100000000000 9004000000000000 b006000000000000"},
        {0x448, "0c00400000000000 0100050014000800 6e616d6500000000"},
        {0x460, "19010100 10000000 10000000 01000000 00000800 00000000"},
        {0x478, "0100000000000000 05000000 a808000000000000 01000000"},
        {0x490, "54524545 00000100 ffffffffffffffff ffffffffffffffff"},
        {0x4b0, "e006000000000000 0800000000000000"},
        {0x6b0, "48454150 00000000 1000000000000000 0100000000000000 d006000000000000 0000000000000000 30"},
        {0x6e0, "534e4f44 01000100 0800000000000000 2808000000000000"},
        // Dataset: space, type, fill, layout.
        {0x828, "01000400 01000000 70000000 00000000"},
        {0x838, "0100180000000000 0101010000000000 0200000000000000 0200000000000000"},
        {0x858, "0300180001000000 11201f00 04000000 00002000 17080017 7f000000"},
        {0x878, "0500080001000000 02020201 00000000"},
        {0x888, "0800180000000000 0301 c018000000000000 0800000000000000"},
        // Global heap: one string, the rest one free object.
        {0x8a8, "47434f4c 01000000 0010000000000000 0100000000000000 0500000000000000 64656e7365"},
        {0x8d8, "d80f000000000000"},
        {0x18c0, "0000803f 00000040"},
    };
    for (const Row& row : rows)
        put(expected, row);

    REQUIRE(image.size() == expected.size());
    for (std::size_t i = 0; i < image.size(); ++i) {
        INFO("offset ", i);
        REQUIRE(image[i] == expected[i]);
    }
}

TEST_CASE("an empty file is a root group without links") {
    const PlannedFile planned = Builder().plan("empty.h5");
    CHECK(planned.name == "empty.h5");
    CHECK(planned.size == 96 + 40 + 544 + 32 + 8);
    const Bytes image = ballast::test::render(planned);
    CHECK(little(image, 96 + 40 + 6, 2) == 0);      // the B-tree uses no entry
    CHECK(little(image, 0x28, 8) == image.size());  // end of file
}

TEST_CASE("sizes follow the recipe") {
    SUBCASE("a rank 1 float32 dataset has a header of 128 bytes, data at multiples of 64") {
        Builder builder;
        builder.dataset(0, "a", floats({1}));
        builder.dataset(0, "b", floats({3}));
        const PlannedFile planned = builder.plan("f");
        CHECK(planned.pieces[0].offset == 0);
        CHECK(std::get<ballast::ProducedBytes>(planned.pieces[0].content).length ==
              96 + 40 + 544 + 32 + 24 + 328 + 2 * 128);
        REQUIRE(planned.pieces.size() == 3);
        CHECK(planned.pieces[1].offset % 64 == 0);
        CHECK(planned.pieces[2].offset == planned.pieces[1].offset + 64);
        CHECK(planned.size == planned.pieces[2].offset + 16);  // padded to 8
    }
    SUBCASE("257 links need two B-tree nodes and one above them") {
        Builder builder;
        for (int i = 0; i < 257; ++i)
            builder.group(0, std::to_string(i));
        const std::uint64_t empty_group = 40 + 544 + 32 + 8;
        CHECK(builder.plan("f").size == 96 + 40 + 3 * 544 + 32 + 8 + 257 * 8 + 33 * 328 + 257 * empty_group);
    }
    SUBCASE("256 links fit one node") {
        Builder builder;
        for (int i = 0; i < 256; ++i)
            builder.group(0, std::to_string(i));
        CHECK(builder.plan("f").size == 96 + 40 + 544 + 32 + 8 + 256 * 8 + 32 * 328 + 256 * 624);
    }
}

TEST_CASE("no elements: no data and no address") {
    Builder builder;
    builder.dataset(0, "e", floats({3, 0, 2}));
    const PlannedFile planned = builder.plan("f");
    CHECK(planned.pieces.size() == 1);
    const Bytes image = ballast::test::render(planned);
    CHECK(little(image, image.size() - 22, 8) == ~std::uint64_t{0});
    CHECK(little(image, image.size() - 14, 8) == 0);
}

TEST_CASE("raw data keep the order of insertion, names are sorted by unsigned bytes") {
    Builder builder;
    builder.dataset(0, "\xc3\xa9", tensor_of<char>(DType::int8, {1}, {3}));
    builder.dataset(0, "2", tensor_of<char>(DType::int8, {1}, {1}));
    builder.dataset(0, "10", tensor_of<char>(DType::int8, {1}, {2}));
    const PlannedFile planned = builder.plan("f");
    const Bytes image = ballast::test::render(planned);
    CHECK(little(image, planned.pieces[1].offset, 1) == 3);
    CHECK(little(image, planned.pieces[2].offset, 1) == 1);
    CHECK(little(image, planned.pieces[3].offset, 1) == 2);
    const std::size_t names = 96 + 40 + 544 + 32 + 8;
    CHECK(little(image, names, 3) == 0x003031);
    CHECK(little(image, names + 8, 2) == 0x0032);
    CHECK(little(image, names + 16, 3) == 0x00a9c3);
}

TEST_CASE("the same calls give the same bytes, in any number of builders and in pieces made in any order") {
    const auto describe = [] {
        Builder builder;
        for (int i = 0; i < 3000; ++i) {
            const auto layer = builder.groups(0, "layers/dense_" + std::to_string(i));
            builder.attribute(layer, "name", "dense_" + std::to_string(i), Builder::Charset::utf8);
            builder.dataset(builder.group(layer, "vars"), "0", floats({2}));
        }
        return builder.plan("f");
    };
    const PlannedFile first = describe();
    PlannedFile second = describe();
    const auto segments =
        std::count_if(first.pieces.begin(), first.pieces.end(), [](const ballast::Piece& piece) {
            return std::holds_alternative<ballast::ProducedBytes>(piece.content);
        });
    CHECK(segments > 5);
    std::reverse(second.pieces.begin(), second.pieces.end());
    CHECK(ballast::test::render(first) == ballast::test::render(second));
}

TEST_CASE("groups are found again; a builder starts anew after plan") {
    Builder builder;
    const auto a = builder.groups(0, "x/y/z");
    CHECK(builder.groups(0, "x/y/z") == a);
    CHECK(builder.group(builder.groups(0, "x/y"), "z") == a);
    CHECK(builder.groups(0, "x/y/w") != a);
    CHECK(builder.groups(builder.group(0, "x"), "y/z") == a);
    builder.plan("f");
    CHECK(builder.root() == 0);
    CHECK(builder.plan("g").size == Builder().plan("h").size);
    Builder moved = std::move(builder);
    CHECK(moved.group(0, "x") == 1);
}

TEST_CASE("name lists") {
    SUBCASE("empty: float64 of shape (0,)") {
        Builder builder;
        builder.name_list(0, "weight_names", {});
        const Bytes image = ballast::test::render(builder.plan("f"));
        const std::size_t attribute = 96 + 40;
        CHECK(little(image, attribute, 2) == 0x0c);
        CHECK(little(image, attribute + 8 + 4, 2) == 20);
        CHECK(little(image, attribute + 16 + 16, 1) == 0x11);
        CHECK(little(image, attribute + 16 + 16 + 24 + 8, 8) == 0);
    }
    SUBCASE("64512 bytes stay one variable-length list, one byte more is split as numpy does") {
        Builder one, two;
        one.name_list(0, "layer_names", std::vector<std::string>(252, std::string(256, 'n')));
        CHECK_FALSE(holds(ballast::test::render(one.plan("f")), "layer_names0"));
        std::vector<std::string> names(253, "short");
        names[7] = std::string(256, 'n');
        two.name_list(0, "layer_names", names);
        const Bytes image = ballast::test::render(two.plan("f"));
        CHECK(holds(image, "layer_names0"));
        CHECK(holds(image, "layer_names1"));
        CHECK_FALSE(holds(image, "layer_names2"));
        // 127 and 126 names, all as wide as the longest of the whole list.
        const std::size_t first = 96 + 40, parts = 8 + 8 + 16;
        CHECK(little(image, first + parts, 4) == 0x113);  // a string type: class, padding, character set
        CHECK(little(image, first + parts + 4, 4) == 256);
        CHECK(little(image, first + parts + 8 + 8, 8) == 127);
        const std::size_t second = first + parts + 8 + 24 + 127 * 256;
        CHECK(little(image, second + parts + 4, 4) == 256);
        CHECK(little(image, second + parts + 8 + 8, 8) == 126);
    }
    SUBCASE("too many short names for references become fixed strings") {
        Builder builder;
        builder.name_list(0, "layer_names", std::vector<std::string>(5000, "abc"));
        const Bytes image = ballast::test::render(builder.plan("f"));
        CHECK(holds(image, "layer_names0"));
        CHECK_FALSE(holds(image, "GCOL"));
    }
    SUBCASE("a name above the limit is refused") {
        Builder builder;
        CHECK(code_of([&] { builder.name_list(0, "n", {std::string(64513, 'x')}); }) ==
              ErrorCode::limit_exceeded);
        builder.name_list(0, "n", {std::string(64512, 'x')});
    }
}

TEST_CASE("long text goes to the global heap") {
    Builder builder;
    builder.attribute(0, "model_config", std::string(300'000, 'c'), Builder::Charset::utf8);
    builder.attribute(0, "empty", "", Builder::Charset::ascii);
    const Bytes image = ballast::test::render(builder.plan("f"));
    CHECK(holds(image, std::string(300'000, 'c')));
    CHECK(image.size() < 310'000);
}

TEST_CASE("what cannot be written is refused when it is said") {
    Builder builder;
    using namespace std::string_view_literals;
    for (const std::string_view bad : {""sv, "."sv, "a/b"sv, "/"sv, "a\0b"sv}) {
        CHECK(code_of([&] { builder.group(0, bad); }) == ErrorCode::invalid_argument);
        CHECK(code_of([&] { builder.dataset(0, bad, floats({1})); }) == ErrorCode::invalid_argument);
    }
    for (const std::string_view bad : {""sv, "/a"sv, "a/"sv, "a//b"sv}) {
        CHECK(code_of([&] { builder.groups(0, bad); }) == ErrorCode::invalid_argument);
    }
    const auto data = builder.dataset(0, "d", floats({1}));
    const auto group = builder.group(0, "g");
    CHECK(code_of([&] { builder.dataset(0, "d", floats({1})); }) == ErrorCode::invalid_argument);
    CHECK(code_of([&] { builder.dataset(0, "g", floats({1})); }) == ErrorCode::invalid_argument);
    CHECK(code_of([&] { builder.group(0, "d"); }) == ErrorCode::invalid_argument);
    CHECK(code_of([&] { builder.group(data, "x"); }) == ErrorCode::invalid_argument);
    CHECK(code_of([&] { builder.dataset(0, "n", {}); }) == ErrorCode::invalid_argument);
    CHECK(code_of([&] { builder.group(99, "x"); }) == ErrorCode::invalid_argument);
    CHECK(code_of([&] { builder.attribute(99, "x", "y", Builder::Charset::ascii); }) ==
          ErrorCode::invalid_argument);

    CHECK(code_of([&] { builder.attribute(group, "", "y", Builder::Charset::ascii); }) ==
          ErrorCode::invalid_argument);
    CHECK(code_of([&] { builder.attribute(group, "a\0"sv, "y", Builder::Charset::ascii); }) ==
          ErrorCode::invalid_argument);
    CHECK(code_of([&] { builder.attribute(group, "a", "y\0z"sv, Builder::Charset::ascii); }) ==
          ErrorCode::invalid_argument);
    CHECK(code_of([&] { builder.name_list(group, "a", {std::string("y\0z", 3)}); }) ==
          ErrorCode::invalid_argument);
    CHECK(code_of([&] { builder.attribute(group, "a", DType::int32, {2}, Bytes(7)); }) ==
          ErrorCode::invalid_argument);
    builder.attribute(group, "a", "y", Builder::Charset::ascii);
    CHECK(code_of([&] { builder.attribute(group, "a", "z", Builder::Charset::utf8); }) ==
          ErrorCode::invalid_argument);
    CHECK(code_of([&] { builder.attribute(group, "b", DType::uint8, {65505}, Bytes(65505)); }) ==
          ErrorCode::limit_exceeded);
    builder.attribute(data, "b", DType::uint8, {65472}, Bytes(65472));  // a body of 65528 bytes
    CHECK(code_of([&] { builder.attribute(data, "c", DType::uint8, {65473}, Bytes(65473)); }) ==
          ErrorCode::limit_exceeded);

    for (const DType dtype :
         {DType::int4, DType::uint4, DType::float8_e4m3fn, DType::float8_e5m2, DType::string}) {
        CHECK(code_of([&] { builder.dataset(0, "t", ballast::test::tensor(dtype, {0}, {})); }) ==
              ErrorCode::unsupported_dtype);
    }
    // A refused call leaves nothing behind.
    CHECK(builder.group(0, "t") == group + 1);
}

TEST_CASE("many attributes: all kept, doubles found, the 65536th message refused") {
    Builder builder;
    for (int i = 0; i < 65534; ++i)
        builder.attribute(0, "a" + std::to_string(i), DType::int8, {}, Bytes(1));
    CHECK(code_of([&] { builder.attribute(0, "a3", DType::int8, {}, Bytes(1)); }) ==
          ErrorCode::invalid_argument);
    CHECK(code_of([&] { builder.attribute(0, "a65533", DType::int8, {}, Bytes(1)); }) ==
          ErrorCode::invalid_argument);
    CHECK(code_of([&] { builder.attribute(0, "more", DType::int8, {}, Bytes(1)); }) ==
          ErrorCode::limit_exceeded);
    CHECK(little(ballast::test::render(builder.plan("f")), 98, 2) == 65535);
}

TEST_CASE("tensors that together exceed any file are refused before a byte is written") {
    Builder builder;
    const std::uint64_t huge = std::uint64_t{1} << 61;
    for (const char* name : {"a", "b", "c"}) {
        auto info = std::make_shared<ballast::TensorInfo>();
        info->dtype = DType::uint8;
        info->shape = {huge};
        builder.dataset(0, name, ballast::TensorExpr(ballast::TensorRef(info)));
    }
    CHECK(code_of([&] { builder.plan("f"); }) == ErrorCode::limit_exceeded);
    auto info = std::make_shared<ballast::TensorInfo>();
    info->dtype = DType::float64;
    info->shape = {huge};
    CHECK(code_of([&] { builder.dataset(0, "d", ballast::TensorExpr(ballast::TensorRef(info))); }) ==
          ErrorCode::limit_exceeded);
}
