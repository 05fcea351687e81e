// SPDX-License-Identifier: Apache-2.0
// The HDF5 reader's small parsers against byte sequences taken from real files and from the format's
// description.
#include <doctest/doctest.h>

#include <numeric>

#include "container/hdf5/parse_datatype.h"
#include "container/hdf5/parse_messages.h"
#include "container/hdf5/read_checksum.h"
#include "container/hdf5/read_metadata.h"
#include "support/bytes.h"
#include "support/expect_error.h"

using namespace ballast;
using namespace ballast::hdf5;
using test::Bytes;
using test::from_hex;

namespace {

struct Parts {
    std::shared_ptr<const io::Source> source = test::as_source(Bytes(64));
    Limits limits;
    Metadata metadata{*source, limits};

    Datatype type(std::string_view hex) {
        const Bytes bytes = from_hex(hex);
        Cursor cursor(bytes, 0, "a datatype");
        return parse_datatype(metadata, cursor);
    }
    Dataspace space(std::string_view hex) {
        const Bytes bytes = from_hex(hex);
        Cursor cursor(bytes, 0, "a dataspace");
        return parse_dataspace(metadata, cursor);
    }
};

constexpr const char* float32 = "11 201f00 04000000 0000 2000 17 08 00 17 7f000000";

}  // namespace

TEST_CASE("lookup3") {
    CHECK(lookup3({}) == 0xdeadbeef);
    CHECK(lookup3(test::from_text("a")) == 0x58d68708);
    CHECK(lookup3(test::from_text("kernel:0")) == 0x26378dbb);
    CHECK(lookup3(test::from_text("abcdefghijkl")) == 0x4012f87b);
    CHECK(lookup3(test::from_text("abcdefghijklm")) == 0x928128f9);
    CHECK(lookup3(test::from_text("Four score and seven years ago")) == 0x17770551);
    Bytes counting(48);
    for (std::size_t i = 0; i < counting.size(); ++i)
        counting[i] = static_cast<std::byte>(i);
    CHECK(lookup3(counting) == 0x2f4775ab);
}

TEST_CASE("cursor: every step is checked and names structure and offset") {
    const Bytes bytes = from_hex("01 0203 04050607 08");
    Cursor cursor(bytes, 100, "a thing");
    CHECK(cursor.u8() == 1);
    CHECK(cursor.u16() == 0x0302);
    CHECK(cursor.number(3) == 0x060504);
    CHECK(cursor.position() == 106);
    const Error error = test::error_of([&] { cursor.u32(); });
    CHECK(error.code() == ErrorCode::damaged);
    CHECK(error.offset() == 106);
    CHECK(error.message().find("a thing") != std::string::npos);
    CHECK(test::code_of([&] { cursor.text(); }) == ErrorCode::damaged);
}

TEST_CASE_FIXTURE(Parts, "datatypes of Keras files") {
    CHECK(type(float32).dtype == DType::float32);
    CHECK(type(float32).problem.empty());
    CHECK(type("11 200f00 02000000 0000 1000 0a 05 00 0a 0f000000").dtype == DType::float16);
    CHECK(type("11 203f00 08000000 0000 4000 34 0b 00 34 ff030000").dtype == DType::float64);
    CHECK(type("11 200f00 02000000 0000 1000 07 08 00 07 7f000000").dtype == DType::bfloat16);
    CHECK(type("10 080000 08000000 0000 4000").dtype == DType::int64);
    CHECK(type("10 000000 01000000 0000 0800").dtype == DType::uint8);
    const Datatype big = type("11 211f00 04000000 0000 2000 17 08 00 17 7f000000");
    CHECK(big.dtype == DType::float32);
    CHECK(big.big_endian);
    CHECK(type("15 000000 02000000").dtype == DType::bfloat16);
    CHECK(type("15 000000 01000000").dtype == DType::opaque8);
    const Datatype text = type("19 010100 10000000 10 000000 01000000 0000 0800");
    CHECK(text.vlen_string);
    CHECK(text.is_string());
    CHECK(type("13 010000 0c000000").name == "string[12]");
}

TEST_CASE_FIXTURE(Parts, "bool and complex as h5py stores them") {
    const Datatype boolean =
        type("18 020000 01000000 10 080000 01000000 0000 0800 46414c5345000000 5452554500000000 0001");
    CHECK(boolean.dtype == DType::boolean);
    // Another pair of values is an ordinary enum.
    const Datatype other =
        type("18 020000 01000000 10 080000 01000000 0000 0800 46414c5345000000 5452554500000000 0002");
    CHECK(other.dtype == DType::int8);
    CHECK(other.problem.empty());
    const std::string member =
        "00000000 00000000 00000000 00000000 00000000 00000000 00000000";  // rank, permutation, dims
    const Datatype complex = type("16 020000 08000000 7200000000000000 00000000 " + member + float32 +
                                  "6900000000000000 04000000 " + member + float32);
    CHECK(complex.dtype == DType::complex64);
    CHECK(complex.problem.empty());
    const Datatype pair = type("16 020000 08000000 6100000000000000 00000000 " + member + float32 +
                               "6200000000000000 04000000 " + member + float32);
    CHECK(pair.name == "compound");
    CHECK_FALSE(pair.problem.empty());
    // Version 3: names unpadded, offsets in one byte.
    const Datatype version3 =
        type(std::string("36 020000 08000000 7200 00 ") + float32 + "6900 04 " + float32);
    CHECK(version3.dtype == DType::complex64);
}

TEST_CASE_FIXTURE(Parts, "types that HDF5 2 has a name for") {
    CHECK(type("11 200700 01000000 0000 0800 03 04 00 03 07000000").dtype == DType::float8_e4m3fn);
    CHECK(type("11 200700 01000000 0000 0800 02 05 00 02 0f000000").dtype == DType::float8_e5m2);
    CHECK(type(std::string("5b 010000 08000000") + float32).dtype == DType::complex64);
    const Datatype big = type("5b 010000 10000000 11 213f00 08000000 0000 4000 34 0b 00 34 ff030000");
    CHECK(big.dtype == DType::complex128);
    CHECK(big.big_endian);
    CHECK(big.problem.empty());
    const Datatype half = type("5b 010000 04000000 11 200f00 02000000 0000 1000 0a 05 00 0a 0f000000");
    CHECK(half.name == "complex(float16)");
    CHECK_FALSE(half.problem.empty());
    CHECK(test::code_of([&] { type(std::string("5b 010000 09000000") + float32); }) == ErrorCode::damaged);
    CHECK(test::code_of([&] { type(std::string("5b 000000 08000000") + float32); }) ==
          ErrorCode::unsupported);
    CHECK(test::code_of([&] { type(std::string("4b 010000 08000000") + float32); }) ==
          ErrorCode::unsupported);
    CHECK(type(std::string("56 020000 08000000 7200 00 ") + float32 + "6900 04 " + float32).dtype ==
          DType::complex64);
}

TEST_CASE_FIXTURE(Parts,
                  "datatypes that contradict themselves are damage; those we cannot use have a problem") {
    CHECK(test::code_of([&] { type("10 080000 00000000 0000 0800"); }) == ErrorCode::damaged);  // no size
    CHECK(test::code_of([&] { type("10 080000 01000000 0000 0900"); }) ==
          ErrorCode::damaged);                                                             // 9 bits in a byte
    CHECK(test::code_of([&] { type("10 080000 01000000 0000"); }) == ErrorCode::damaged);  // cut short
    CHECK(test::code_of([&] { type("19 010100 08000000 10 000000 01000000 0000 0800"); }) ==
          ErrorCode::damaged);
    CHECK(test::code_of([&] { type("1f 000000 01000000"); }) == ErrorCode::unsupported);  // class 15
    CHECK(test::code_of([&] { type("61 201f00 04000000 0000 2000 17 08 00 17 7f000000"); }) ==
          ErrorCode::unsupported);
    CHECK_FALSE(type("10 080000 02000000 0300 0500").problem.empty());                       // 5 bits at 3
    CHECK_FALSE(type("11 200f00 03000000 0000 1800 0f 08 00 0f 7f000000").problem.empty());  // 24-bit float
    std::string nested;
    for (int i = 0; i < 40; ++i)
        nested += "19 000000 10000000 ";
    CHECK(test::code_of([&] { type(nested); }) == ErrorCode::damaged);
}

TEST_CASE_FIXTURE(Parts, "dataspaces") {
    CHECK(space("01 00 00 00 00000000").shape == Shape{});
    CHECK(space("01 00 00 00 00000000").elements == 1);
    const Dataspace unlimited =
        space("01 02 01 00 00000000 0300000000000000 0500000000000000 ffffffffffffffff 0500000000000000");
    CHECK(unlimited.shape == Shape{3, 5});
    CHECK(unlimited.elements == 15);
    CHECK(unlimited.max[0] == format::undefined);
    CHECK(space("02 00 00 02").is_null);
    CHECK(space("02 01 00 01 0000000000000000").elements == 0);
    CHECK(test::code_of([&] { space("01 01 01 00 00000000 0300000000000000 0200000000000000"); }) ==
          ErrorCode::damaged);
    CHECK(test::code_of([&] { space("01 21 00 00 00000000"); }) == ErrorCode::damaged);
    CHECK(test::code_of([&] { space("01 02 00 00 00000000 0000000001000000 0000000001000000"); }) ==
          ErrorCode::limit_exceeded);
    CHECK(test::code_of([&] { space("03 00 00 00 00000000"); }) == ErrorCode::unsupported);
}

TEST_CASE("fill values of all versions") {
    const auto fill = [](std::string_view hex) {
        const Bytes bytes = from_hex(hex);
        Cursor cursor(bytes, 0, "a fill value");
        return parse_fill(cursor);
    };
    CHECK(fill("02 02 02 01 00000000").empty());
    CHECK(fill("02 02 02 00").empty());
    CHECK(fill("01 02 02 00 04000000 01020304") == from_hex("01020304"));
    CHECK(fill("02 02 02 01 04000000 01020304") == from_hex("01020304"));
    CHECK(fill("03 2a 04000000 01020304") == from_hex("01020304"));
    CHECK(fill("03 0a").empty());
    CHECK(fill("02 02 02 01 ffffffff").empty());
    CHECK(test::code_of([&] { fill("02 02 02 01 09000000 00"); }) == ErrorCode::damaged);
}

TEST_CASE("filter pipelines of both versions") {
    const auto pipeline = [](std::string_view hex) {
        const Bytes bytes = from_hex(hex);
        Cursor cursor(bytes, 0, "a filter pipeline");
        return parse_pipeline(cursor);
    };
    const Pipeline old = pipeline(
        "01 02 000000000000 0200 0800 0100 0100 73687566666c6500 04000000 00000000"
        "0100 0800 0100 0100 6465666c61746500 06000000 00000000");
    REQUIRE(old.filters.size() == 2);
    CHECK(old.filters[0].id == Filter::shuffle);
    CHECK(old.filters[1].values == std::vector<std::uint32_t>{6});
    CHECK(old.names[0] == "shuffle");
    const Pipeline fresh = pipeline("02 02 0100 0000 0100 09000000 0f7d 0500 0100 0100 7a73746400 03000000");
    REQUIRE(fresh.filters.size() == 2);
    CHECK(fresh.filters[1].id == Filter::zstd);
    CHECK(fresh.names[1] == "zstd");
    CHECK(test::code_of([&] { pipeline("01 21 000000000000"); }) == ErrorCode::damaged);
    CHECK(test::code_of([&] { pipeline("02 01 0100 0000 ffff"); }) == ErrorCode::damaged);
}

TEST_CASE_FIXTURE(Parts, "metadata: reads beyond the file and repeated reading end in errors") {
    std::vector<std::byte> buffer;
    CHECK(test::code_of([&] { metadata.read(60, 5, buffer, "a thing"); }) == ErrorCode::truncated);
    CHECK(test::code_of([&] { metadata.read(UINT64_MAX, 2, buffer, "a thing"); }) == ErrorCode::truncated);
    CHECK(buffer.empty());
    CHECK(metadata.read(0, 64, buffer, "a thing").size() == 64);
    const auto again = [&] {
        for (int i = 0; i < 2'000'000; ++i)
            metadata.read(0, 64, buffer, "a thing");
    };
    CHECK(test::code_of(again) == ErrorCode::limit_exceeded);
    CHECK(metadata.exhausted());
}

TEST_CASE("position sets notice what was there") {
    PositionSet set;
    for (std::uint64_t i = 0; i < 1000; ++i)
        CHECK(set.insert(i * 4096));
    for (std::uint64_t i = 0; i < 1000; ++i)
        CHECK_FALSE(set.insert(i * 4096));
    set.clear();
    CHECK(set.insert(4096));
}
