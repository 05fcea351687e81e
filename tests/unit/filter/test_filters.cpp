// SPDX-License-Identifier: Apache-2.0
// Single filters and pipelines: vectors from the HDF5 library, and streams that are wrong.
#include <doctest/doctest.h>
#include <libdeflate.h>

#include "filter/decode.h"
#include "filter/filters.h"
#include "support/bytes.h"
#include "support/expect_error.h"

using namespace ballast;
using test::Bytes;
using test::from_hex;
using test::from_text;

namespace {

Bytes deflated(const Bytes& bytes) {
    libdeflate_compressor* compressor = libdeflate_alloc_compressor(6);
    Bytes out(libdeflate_zlib_compress_bound(compressor, bytes.size()));
    out.resize(libdeflate_zlib_compress(compressor, bytes.data(), bytes.size(), out.data(), out.size()));
    libdeflate_free_compressor(compressor);
    return out;
}

Bytes counting(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<std::byte>(i * 7 + i / 256);
    return bytes;
}

Bytes shuffled(const Bytes& bytes, std::size_t size) {
    Bytes out = bytes;
    const std::size_t count = bytes.size() / size;
    for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t j = 0; j < size; ++j)
            out[j * count + i] = bytes[i * size + j];
    }
    return out;
}

Bytes with_sum(Bytes bytes) {
    const std::uint32_t sum = filter::fletcher32(bytes);
    for (int shift = 0; shift < 32; shift += 8)
        bytes.push_back(static_cast<std::byte>(sum >> shift));
    return bytes;
}

const Filter deflate{Filter::deflate, {6}}, fletcher{Filter::fletcher32, {}};
Filter shuffle(std::uint32_t size) {
    return {Filter::shuffle, {size}};
}

}  // namespace

TEST_CASE("fletcher32: values of the HDF5 library") {
    CHECK(filter::fletcher32({}) == 0);
    CHECK(filter::fletcher32(from_text("a")) == 0x61006100);
    CHECK(filter::fletcher32(from_text("abcde")) == 0x4ff029c7);
    CHECK(filter::fletcher32(from_text("abcdef")) == 0x50562a2d);
    CHECK(filter::fletcher32(from_text("abcdefgh")) == 0xe1eb9195);
    CHECK(filter::fletcher32(Bytes(1000, std::byte{0xff})) == 0xffffffff);
    Bytes bytes(2001);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::byte>(i & 255);
    CHECK(filter::fletcher32(bytes) == 0x18a61429);
}

TEST_CASE("fletcher32: a stored chunk, the byte order of old libraries, and damage") {
    const Bytes stored = from_hex("00010203 04020502");
    CHECK(decode_chunk(stored, {&fletcher, 1}, 0, 4) == from_hex("00010203"));
    CHECK(decode_chunk(from_hex("00010203 02040205"), {&fletcher, 1}, 0, 4) == from_hex("00010203"));
    CHECK(test::code_of([&] {
              decode_chunk(from_hex("00010204 04020502"), {&fletcher, 1}, 0, 4);
          }) == ErrorCode::checksum_mismatch);
    CHECK(test::code_of([&] {
              decode_chunk(from_hex("000102"), {&fletcher, 1}, 0, 4);
          }) == ErrorCode::damaged);
}

TEST_CASE("shuffle: all element sizes, and bytes behind the last whole element") {
    for (const std::uint32_t size : {1u, 2u, 3u, 4u, 8u, 16u}) {
        for (const std::size_t length : {0u, 1u, 7u, 64u, 65u, 1000u}) {
            CAPTURE(size);
            CAPTURE(length);
            const Bytes bytes = counting(length);
            const Filter filter = shuffle(size);
            CHECK(decode_chunk(shuffled(bytes, size), {&filter, 1}, 0, length) == bytes);
        }
    }
    const Filter larger = shuffle(64);  // than the chunk
    CHECK(decode_chunk(counting(10), {&larger, 1}, 0, 10) == counting(10));
}

TEST_CASE("pipelines are undone from the last filter to the first") {
    const Bytes bytes = counting(4000);
    const std::vector<Filter> usual{shuffle(4), deflate, fletcher};
    CHECK(decode_chunk(with_sum(deflated(shuffled(bytes, 4))), usual, 0, bytes.size()) == bytes);
    const std::vector<Filter> sum_first{fletcher, shuffle(4), deflate};
    CHECK(decode_chunk(deflated(shuffled(with_sum(bytes), 4)), sum_first, 0, bytes.size()) == bytes);
    const std::vector<Filter> two_sums{fletcher, deflate, fletcher};
    CHECK(decode_chunk(with_sum(deflated(with_sum(bytes))), two_sums, 0, bytes.size()) == bytes);
}

TEST_CASE("the filter mask leaves filters out") {
    const Bytes bytes = counting(4000);
    const std::vector<Filter> usual{shuffle(4), deflate};
    CHECK(decode_chunk(shuffled(bytes, 4), usual, 0b10, bytes.size()) == bytes);
    CHECK(decode_chunk(deflated(bytes), usual, 0b01, bytes.size()) == bytes);
    CHECK(decode_chunk(bytes, usual, 0b11, bytes.size()) == bytes);
    const std::vector<Filter> unknown{{32001, {}}, deflate};
    CHECK(decode_chunk(deflated(bytes), unknown, 0b01, bytes.size()) == bytes);
    CHECK(test::code_of([&] { decode_chunk(deflated(bytes), unknown, 0, bytes.size()); }) ==
          ErrorCode::unsupported);
}

TEST_CASE("deflate: only streams that give exactly the chunk") {
    const Bytes bytes = counting(4000);
    const Bytes stored = deflated(bytes);
    CHECK(decode_chunk(stored, {&deflate, 1}, 0, 4000) == bytes);
    CHECK(test::code_of([&] { decode_chunk(stored, {&deflate, 1}, 0, 3999); }) == ErrorCode::damaged);
    CHECK(test::code_of([&] { decode_chunk(stored, {&deflate, 1}, 0, 4001); }) == ErrorCode::damaged);
    CHECK(test::code_of([&] { decode_chunk({}, {&deflate, 1}, 0, 4000); }) == ErrorCode::damaged);
    for (std::size_t length = 0; length < stored.size(); ++length) {
        CHECK(test::code_of([&] {
                  decode_chunk(std::span(stored).first(length), {&deflate, 1}, 0, 4000);
              }) == ErrorCode::damaged);
    }
    // A size no stream of this length can reach is refused before memory is taken for it.
    CHECK(test::code_of([&] { decode_chunk(stored, {&deflate, 1}, 0, 1ull << 50); }) == ErrorCode::damaged);
}

TEST_CASE("unfiltered chunks must have their size") {
    CHECK(decode_chunk(counting(8), {}, 0, 8) == counting(8));
    CHECK(test::code_of([&] { decode_chunk(counting(7), {}, 0, 8); }) == ErrorCode::damaged);
    CHECK(test::code_of([&] { decode_chunk(counting(9), {}, 0, 8); }) == ErrorCode::damaged);
}

TEST_CASE("swap_bytes swaps each component") {
    const auto swapped = [](std::string_view hex, DType dtype) {
        Bytes bytes = from_hex(hex);
        swap_bytes(bytes, dtype);
        return bytes;
    };
    CHECK(swapped("0102 0304", DType::int16) == from_hex("0201 0403"));
    CHECK(swapped("01020304 05060708", DType::float32) == from_hex("04030201 08070605"));
    CHECK(swapped("0102030405060708", DType::float64) == from_hex("0807060504030201"));
    CHECK(swapped("01020304 05060708", DType::complex64) == from_hex("04030201 08070605"));
    CHECK(swapped("0102030405060708 1112131415161718", DType::complex128) ==
          from_hex("0807060504030201 1817161514131211"));
    CHECK(swapped("010203", DType::uint8) == from_hex("010203"));
    CHECK(swapped("0100", DType::boolean) == from_hex("0100"));
}
