// SPDX-License-Identifier: Apache-2.0
// The pieces of a bundle against bytes that TensorFlow 2.21 wrote, and reading in slices.
#include <doctest/doctest.h>

#include "container/bundle/assembled_source.h"
#include "container/bundle/checked_source.h"
#include "container/bundle/state_text.h"
#include "container/bundle/types.h"
#include "forge.h"
#include "support/expect_error.h"

using namespace ballast;

TEST_CASE("keys of slices and messages are TensorFlow's bytes") {
    using proto::SliceExtent;
    CHECK(proto::slice_key("a/b", {SliceExtent{0, 100}, SliceExtent{64, 6}}) ==
          std::string("\0a/b\0\1\1\2\x80\xc0\x64\xc0\x40\x86", 14));
    CHECK(proto::slice_key("pv", {SliceExtent{4, 6}, SliceExtent{}}) ==
          std::string("\0pv\0\1\1\2\x84\x86\x80\x7f", 11));
    CHECK(proto::write_header({1, 0, 0}) == std::string("\x08\x01\x1a\x02\x08\x01", 6));
    proto::BundleEntry entry;
    entry.dtype = 1;
    entry.dims = {0, 3};
    entry.crc = table::mask(0);
    CHECK(proto::write_entry(entry) ==
          std::string("\x08\x01\x12\x06\x12\x00\x12\x02\x08\x03\x35\xd8\xea\x82\xa2", 15));
}

TEST_CASE("names of data files") {
    CHECK(bundle::shard_name("p", 2, 5) == "p.data-00002-of-00005");
    CHECK(bundle::shard_name("p", 100000, 123456) == "p.data-100000-of-123456");
    CHECK(bundle::shard_numbers("p", "p.data-00002-of-00005")->shards == 5);
    for (const char* name :
         {"p.data-2-of-5", "q.data-00002-of-00005", "p.data-00002-of-00005.tempstate1", "p.data-", "p.index"})
        CHECK_FALSE(bundle::shard_numbers("p", name));
    CHECK(bundle::state_text("a\"\xc3\xa9") ==
          "model_checkpoint_path: \"a\\\"\\303\\251\"\nall_model_checkpoint_paths: \"a\\\"\\303\\251\"\n");
}

TEST_CASE("a tensor read in slices is checked when the last one arrives") {
    const std::string bytes = "0123456789abcdefghij";
    const auto file = io::memory_source(nullptr, std::as_bytes(std::span(bytes)), "f");
    const std::uint32_t good = io::crc32c(std::as_bytes(std::span(bytes)).subspan(2, 16));
    for (const bool right : {true, false}) {
        bundle::CheckedRanges ranges;
        ranges.add(2, 16, right ? good : good ^ 1, "t");
        const bundle::CheckedSource source(file, std::move(ranges));
        const auto read = [&](std::uint64_t offset, std::size_t length) {
            std::string out(length, '\0');
            source.read_at(offset, std::as_writable_bytes(std::span(out)));
            return out;
        };
        CHECK(read(10, 4) == "abcd");
        CHECK(read(0, 6) == "012345");
        CHECK(read(14, 6) == "efghij");
        CHECK(read(11, 2) == "bc");  // read before
        if (right)
            CHECK(read(6, 4) == "6789");
        else
            CHECK(test::code_of([&] { read(6, 4); }) == ErrorCode::checksum_mismatch);
        if (!right) CHECK(test::code_of([&] { read(2, 16); }) == ErrorCode::checksum_mismatch);
    }
}

TEST_CASE("a tensor of tiles is put together, whatever range is asked for") {
    // (2, 3, 4) bytes in tiles along the first two axes.
    std::string whole;
    for (int i = 0; i < 24; ++i)
        whole.push_back(static_cast<char>('a' + i));
    std::vector<std::string> stored;
    std::vector<bundle::TensorPart> parts;
    for (std::uint64_t row = 0; row < 2; ++row) {
        stored.push_back(whole.substr(12 * row, 8));
        stored.push_back(whole.substr(12 * row + 8, 4));
    }
    for (std::uint64_t i = 0; i < 4; ++i) {
        const auto source = io::memory_source(nullptr, std::as_bytes(std::span(stored[i])), "p");
        parts.push_back({{i / 2, i % 2 * 2, 0}, {1, 2 - i % 2, 4}, source, 0});
    }
    CHECK(bundle::tiles(parts, {2, 3, 4}));
    CHECK_FALSE(bundle::tiles(parts, {2, 3, 5}));
    CHECK_FALSE(bundle::tiles({parts[0], parts[1], parts[2]}, {2, 3, 4}));
    const bundle::AssembledSource source(parts, {2, 3, 4}, 1, "t");
    for (std::size_t begin = 0; begin < 24; ++begin) {
        for (std::size_t length = 1; begin + length <= 24; ++length) {
            std::string out(length, '\0');
            source.read_at(begin, std::as_writable_bytes(std::span(out)));
            REQUIRE(out == whole.substr(begin, length));
        }
    }
    const auto wide = io::memory_source(nullptr, std::as_bytes(std::span(whole)), "w");
    const bundle::NibbleSource nibbles(wide, 0, 3);
    std::string packed(2, '\0');
    nibbles.read_at(0, std::as_writable_bytes(std::span(packed)));
    CHECK(packed == std::string("\x21\x03", 2));
}
