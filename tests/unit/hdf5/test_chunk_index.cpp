// SPDX-License-Identifier: Apache-2.0
// Chunk indexes of version 4 layouts, made up byte by byte: what they list, and what contradicts itself.
// Indexes of real files are compared in tests/interop and through the golden files.
#include <doctest/doctest.h>

#include <map>

#include "container/hdf5/parse_chunk_index.h"
#include "support/expect_error.h"
#include "support/h5image.h"

using namespace ballast;
using namespace ballast::hdf5;
using format::ChunkIndex;
using test::Bytes;
using test::Image;

namespace {

constexpr std::uint64_t index_at = 64, block_at = 256, data_at = 100'000, file_size = 200'000;

/// A dataset of one-byte elements and the image its index lies in.
struct Sample {
    Image image;
    DataLayout layout;
    ChunkedData data;

    Sample(ChunkIndex index, Shape shape, Shape max, Shape chunk, std::size_t filters = 0) {
        layout.layout_class = format::LayoutClass::chunked;
        layout.index = index;
        layout.address = index_at;
        data.shape = std::move(shape);
        data.max = std::move(max);
        data.chunk = std::move(chunk);
        data.chunk_bytes = data.chunk.element_count();
        data.filter_count = filters;
    }
    std::vector<Chunk> read() {
        data.layout = &layout;
        Bytes bytes = image.bytes;
        bytes.resize(file_size);
        const auto source = test::as_source(bytes);
        const Limits limits;
        Metadata metadata(*source, limits);
        return read_chunks(metadata, data);
    }
    ErrorCode code() {
        return test::code_of([&] { read(); });
    }
    /// Place of each chunk by its number in the grid.
    std::map<std::uint64_t, std::uint64_t> places() {
        std::map<std::uint64_t, std::uint64_t> found;
        for (const Chunk& chunk : read())
            found[chunk.grid_index] = chunk.offset;
        return found;
    }
};

constexpr std::uint64_t unlimited = format::undefined;

/// The header of a fixed array of plain elements.
void fixed_header(Image& image, std::uint64_t entries, unsigned page_bits = 10, unsigned client = 0,
                  unsigned entry = 8) {
    image.at(index_at).text("FAHD").number(0, 1).number(client, 1).number(entry, 1).number(page_bits, 1);
    image.number(entries, 8).address(block_at).checksum();
}

void fixed_block(Image& image, unsigned client = 0) {
    image.at(block_at).text("FADB").number(0, 1).number(client, 1).address(index_at);
}

struct ArraySizes {
    unsigned bits = 32, in_index = 2, smallest = 2, pointers = 2, page_bits = 10;
};

void extensible_header(Image& image, std::uint64_t stored, ArraySizes sizes = {},
                       std::uint64_t index_block = block_at) {
    image.at(index_at).text("EAHD").number(0, 1).number(0, 1).number(8, 1).number(sizes.bits, 1);
    image.number(sizes.in_index, 1)
        .number(sizes.smallest, 1)
        .number(sizes.pointers, 1)
        .number(sizes.page_bits, 1);
    for (int i = 0; i < 4; ++i)
        image.number(0, 8);
    image.number(stored, 8).number(stored, 8).address(index_block).checksum();
}

/// Begins a block of an extensible array with 32 bits of elements.
Image& extensible_block(Image& image, std::uint64_t position, std::string_view signature,
                        bool with_offset = true) {
    image.at(position).text(signature).number(0, 1).number(0, 1).address(index_at);
    if (with_offset) image.number(0, 4);
    return image;
}

}  // namespace

TEST_CASE("a single chunk: whole, filtered, and without the size its filters need") {
    Sample plain(ChunkIndex::single, {5}, {5}, {8});
    REQUIRE(plain.read().size() == 1);
    CHECK(plain.read()[0].length == 8);
    Sample filtered(ChunkIndex::single, {8}, {8}, {8}, 2);
    filtered.layout.single = {3, 1};
    CHECK(filtered.read()[0].length == 3);
    CHECK(filtered.read()[0].filter_mask == 1);
    filtered.layout.single.reset();
    CHECK(filtered.code() == ErrorCode::damaged);
    filtered.layout.single = {3, 3};  // all filters left out: then the size must be that of the chunk
    CHECK(filtered.code() == ErrorCode::damaged);
    filtered.layout.single = {file_size, 0};
    CHECK(filtered.code() == ErrorCode::truncated);
    filtered.layout.address = format::undefined;
    CHECK(filtered.read().empty());
}

TEST_CASE("chunks that reach over the edge may be stored without filters") {
    Sample sample(ChunkIndex::single, {5}, {5}, {8}, 1);
    sample.layout.plain_edges = true;
    sample.layout.single = {8, 0};
    CHECK(sample.read()[0].filter_mask == ~0u);
    sample.layout.single = {3, 0};
    CHECK(sample.code() == ErrorCode::damaged);
    sample.data.shape = {8};  // no edge any more
    CHECK(sample.read()[0].filter_mask == 0);
}

TEST_CASE("implicit chunks: one after the other in the largest grid") {
    Sample sample(ChunkIndex::implicit, {3, 4}, {5, 6}, {2, 2});
    // The largest grid is 3 by 3, the present one 2 by 2.
    CHECK(sample.places() == std::map<std::uint64_t, std::uint64_t>{{0, 64}, {1, 68}, {2, 76}, {3, 80}});
    sample.data.filter_count = 1;
    CHECK(sample.code() == ErrorCode::damaged);
    Sample grows(ChunkIndex::implicit, {3, 4}, {5, unlimited}, {2, 2});
    CHECK(grows.code() == ErrorCode::damaged);
    Sample large(ChunkIndex::implicit, {1ull << 40, 4}, {1ull << 40, 4}, {1, 1});
    CHECK(large.code() == ErrorCode::truncated);
    Sample huge(ChunkIndex::implicit, {1, 1, 1}, {1ull << 40, 1ull << 40, 1ull << 40}, {1, 1, 1});
    CHECK(huge.code() == ErrorCode::damaged);
}

TEST_CASE("fixed arrays: elements in a row") {
    Sample sample(ChunkIndex::fixed_array, {3, 4}, {5, 6}, {2, 2});
    fixed_header(sample.image, 9);
    fixed_block(sample.image);
    for (std::uint64_t i = 0; i < 9; ++i)
        sample.image.address(i == 3 ? UINT64_MAX : data_at + 4 * i);
    sample.image.checksum();
    CHECK(sample.places() ==
          std::map<std::uint64_t, std::uint64_t>{{0, data_at}, {1, data_at + 4}, {3, data_at + 16}});
    for (std::size_t at = index_at; at < block_at + 14 + 76; ++at) {  // every byte counts
        CAPTURE(at);
        Sample changed = sample;
        if (at >= changed.image.bytes.size() || (at >= index_at + 28 && at < block_at)) continue;
        changed.image.bytes[at] ^= std::byte{1};
        const ErrorCode code = changed.code();
        CHECK((code == ErrorCode::damaged || code == ErrorCode::checksum_mismatch));
    }
}

TEST_CASE("fixed arrays: filtered elements give size and mask") {
    Sample sample(ChunkIndex::fixed_array, {4}, {4}, {2}, 1);
    fixed_header(sample.image, 2, 10, 1, 14);  // chunks of 2 bytes: sizes of two bytes
    fixed_block(sample.image, 1);
    sample.image.address(data_at)
        .number(7, 2)
        .number(0, 4)
        .address(data_at + 7)
        .number(2, 2)
        .number(1, 4)
        .checksum();
    const auto chunks = sample.read();
    REQUIRE(chunks.size() == 2);
    CHECK(chunks[0].length == 7);
    CHECK(chunks[1].length == 2);
    CHECK(chunks[1].filter_mask == 1);
    sample.data.filter_count = 0;
    CHECK(sample.code() == ErrorCode::damaged);
}

TEST_CASE("fixed arrays: pages, and those never written") {
    // 10 entries in pages of 4: the second page's bit is clear and its bytes are anything.
    Sample sample(ChunkIndex::fixed_array, {10}, {10}, {1});
    fixed_header(sample.image, 10, 2);
    fixed_block(sample.image);
    sample.image.number(0b10100000, 1).checksum();
    const std::size_t first = sample.image.position();
    for (std::size_t page = 0; page < 3; ++page) {
        sample.image.at(first + page * 36);
        for (std::uint64_t i = 4 * page; i < std::min<std::size_t>(10, 4 * page + 4); ++i)
            sample.image.address(page == 1 ? 5 : data_at + i);
        if (page != 1) sample.image.checksum();
    }
    CHECK(sample.places() == std::map<std::uint64_t, std::uint64_t>{{0, data_at},
                                                                    {1, data_at + 1},
                                                                    {2, data_at + 2},
                                                                    {3, data_at + 3},
                                                                    {8, data_at + 8},
                                                                    {9, data_at + 9}});
    sample.image.bytes[first + 40] ^= std::byte{1};  // in the page that does not count
    CHECK(sample.read().size() == 6);
    sample.image.bytes[first + 3] ^= std::byte{1};
    CHECK(sample.code() == ErrorCode::checksum_mismatch);
}

TEST_CASE("fixed arrays that contradict themselves or their dataset") {
    const auto with = [](auto change) {
        Sample sample(ChunkIndex::fixed_array, {10}, {10}, {1});
        change(sample);
        return sample.code();
    };
    CHECK(with([](Sample& s) { fixed_header(s.image, 9); }) == ErrorCode::damaged);
    CHECK(with([](Sample& s) { fixed_header(s.image, 10, 0); }) == ErrorCode::damaged);
    CHECK(with([](Sample& s) { fixed_header(s.image, 10, 40); }) == ErrorCode::damaged);
    CHECK(with([](Sample& s) { fixed_header(s.image, 10, 10, 2); }) == ErrorCode::unsupported);
    CHECK(with([](Sample& s) { fixed_header(s.image, 10, 10, 1, 14); }) == ErrorCode::damaged);
    CHECK(with([](Sample& s) { fixed_header(s.image, 10, 10, 0, 9); }) == ErrorCode::damaged);
    CHECK(with([](Sample& s) { fixed_header(s.image, 10); }) == ErrorCode::damaged);  // no block there
    CHECK(with([](Sample& s) { fixed_header(s.image, 1ull << 60, 31); }) == ErrorCode::truncated);
    CHECK(with([](Sample& s) { fixed_header(s.image, UINT64_MAX, 1); }) == ErrorCode::truncated);
    CHECK(with([](Sample& s) {
              fixed_header(s.image, 10);
              fixed_block(s.image, 1);
              s.image.at(block_at).text("FADB").number(0, 1).number(1, 1).address(index_at);
              for (int i = 0; i < 10; ++i)
                  s.image.undefined();
              s.image.checksum();
          }) == ErrorCode::damaged);
    Sample grows(ChunkIndex::fixed_array, {4, 10}, {4, unlimited}, {1, 1});
    fixed_header(grows.image, 40);
    CHECK(grows.code() == ErrorCode::damaged);
}

TEST_CASE("extensible arrays: elements in the index block, in data blocks, behind super blocks") {
    // 2 elements in the index block. The first two super blocks (1 x 2 and 1 x 4 elements) are implied by the
    // index block's two addresses; the third one has 2 blocks of 4.
    Sample sample(ChunkIndex::extensible_array, {16}, {unlimited}, {1});
    extensible_header(sample.image, 16);
    auto& index = extensible_block(sample.image, block_at, "EAIB", false);
    index.address(data_at).address(data_at + 1).address(1000).address(1100).address(1200);
    for (int i = 0; i < 29; ++i)
        index.undefined();
    index.checksum();
    const auto block = [&](std::uint64_t position, std::uint64_t first, std::uint64_t count) {
        extensible_block(sample.image, position, "EADB");
        for (std::uint64_t i = first; i < first + count; ++i)
            sample.image.address(data_at + i);
        sample.image.checksum();
    };
    block(1000, 2, 2);
    block(1100, 4, 4);
    extensible_block(sample.image, 1200, "EASB").address(1300).undefined().checksum();
    block(1300, 8, 4);
    const auto places = sample.places();
    CHECK(places.size() == 12);
    for (std::uint64_t i = 0; i < 12; ++i)
        CHECK(places.at(i) == data_at + i);

    extensible_header(sample.image, 10);  // what lies behind the last stored element does not count
    CHECK(sample.places().size() == 10);
    extensible_header(sample.image, 16, {}, UINT64_MAX);
    CHECK(sample.read().empty());
    extensible_header(sample.image, 16);
    extensible_block(sample.image, 1200, "EASB").address(1300).address(1300).checksum();
    CHECK(sample.code() == ErrorCode::damaged);  // one block twice
    extensible_block(sample.image, 1200, "EASB").address(file_size).undefined().checksum();
    CHECK(sample.code() == ErrorCode::truncated);
    sample.image.at(1200)
        .text("EASB")
        .number(0, 1)
        .number(0, 1)
        .address(4)
        .number(0, 4)
        .undefined()
        .undefined()
        .checksum();
    CHECK(sample.code() == ErrorCode::damaged);  // of another array
}

TEST_CASE("extensible arrays: the growing axis counts slowest") {
    Sample sample(ChunkIndex::extensible_array, {3, 2}, {3, unlimited}, {1, 1});
    extensible_header(sample.image, 6, {32, 6, 2, 2, 10});
    auto& index = extensible_block(sample.image, block_at, "EAIB", false);
    for (std::uint64_t i = 0; i < 6; ++i)
        index.address(data_at + i);
    for (int i = 0; i < 32; ++i)
        index.undefined();
    index.checksum();
    // Number i is column i / 3, row i % 3.
    const auto places = sample.places();
    for (std::uint64_t i = 0; i < 6; ++i)
        CHECK(places.at(i % 3 * 2 + i / 3) == data_at + i);
    Sample none(ChunkIndex::extensible_array, {3, 2}, {3, 2}, {1, 1});
    CHECK(none.code() == ErrorCode::damaged);
    Sample both(ChunkIndex::extensible_array, {3, 2}, {unlimited, unlimited}, {1, 1});
    CHECK(both.code() == ErrorCode::damaged);
}

TEST_CASE("extensible arrays: pages behind super blocks, whose bits follow each other without gaps") {
    // Pages of 2 elements. Super block 2 has 2 blocks of 4 elements, so of 2 pages each: 4 bits in 2 bytes.
    Sample sample(ChunkIndex::extensible_array, {16}, {unlimited}, {1});
    // Its index block would reach super blocks 0 and 1 directly, of which 1 has pages: leave that one out.
    extensible_header(sample.image, 16, {32, 2, 2, 2, 1});
    auto& index = extensible_block(sample.image, block_at, "EAIB", false);
    index.address(data_at).address(data_at + 1).undefined().undefined().address(1200);
    for (int i = 0; i < 29; ++i)
        index.undefined();
    index.checksum();
    extensible_block(sample.image, 1200, "EASB").number(0b01100000, 1).number(0xff, 1);
    sample.image.address(1300).address(1500).checksum();
    const auto paged = [&](std::uint64_t position, std::uint64_t first) {
        extensible_block(sample.image, position, "EADB").checksum();
        for (std::uint64_t page = 0; page < 2; ++page) {
            sample.image.at(sample.image.position());
            for (std::uint64_t i = 0; i < 2; ++i)
                sample.image.address(data_at + first + 2 * page + i);
            sample.image.checksum();
        }
    };
    paged(1300, 8);
    paged(1500, 12);
    // Bits 0110: the second page of the first block, the first page of the second one.
    CHECK(sample.places() == std::map<std::uint64_t, std::uint64_t>{{0, data_at},
                                                                    {1, data_at + 1},
                                                                    {10, data_at + 10},
                                                                    {11, data_at + 11},
                                                                    {12, data_at + 12},
                                                                    {13, data_at + 13}});
    auto& direct = extensible_block(sample.image, block_at, "EAIB", false);
    direct.address(data_at).address(data_at + 1).undefined().address(1300);
    for (int i = 0; i < 30; ++i)
        direct.undefined();
    direct.checksum();
    CHECK(sample.code() == ErrorCode::unsupported);
}

TEST_CASE("extensible arrays whose sizes are impossible") {
    const auto with = [](ArraySizes sizes) {
        Sample sample(ChunkIndex::extensible_array, {16}, {unlimited}, {1});
        extensible_header(sample.image, 16, sizes);
        return sample.code();
    };
    CHECK(with({.bits = 0}) == ErrorCode::damaged);
    CHECK(with({.bits = 65}) == ErrorCode::damaged);
    CHECK(with({.smallest = 3}) == ErrorCode::damaged);
    CHECK(with({.smallest = 0}) == ErrorCode::damaged);
    CHECK(with({.pointers = 0}) == ErrorCode::damaged);
    CHECK(with({.page_bits = 32}) == ErrorCode::damaged);
    CHECK(with({.bits = 2, .smallest = 2, .pointers = 128}) == ErrorCode::damaged);
    CHECK(with({.bits = 64, .in_index = 255, .smallest = 1, .pointers = 128}) ==
          ErrorCode::damaged);  // no index block
    // A super block too far out for any file.
    Sample sample(ChunkIndex::extensible_array, {16}, {unlimited}, {1});
    extensible_header(sample.image, 16, {64, 0, 1, 1, 10});
    auto& index = extensible_block(sample.image, block_at, "EAIB", false);
    for (int i = 0; i < 64; ++i)
        index.undefined();
    index.address(1200).checksum();
    CHECK(sample.code() == ErrorCode::damaged);
}

TEST_CASE("version 2 B-trees: plain and filtered records, any order, no place twice") {
    const auto tree = [](Sample& sample, unsigned type, unsigned record, std::uint64_t count) -> Image& {
        sample.image.at(index_at).text("BTHD").number(0, 1).number(type, 1).number(512, 4).number(record, 2);
        sample.image.number(0, 2).number(100, 1).number(40, 1).address(block_at).number(count, 2).number(
            count, 8);
        sample.image.checksum();
        return sample.image.at(block_at).text("BTLF").number(0, 1).number(type, 1);
    };
    Sample sample(ChunkIndex::btree2, {4, 4}, {unlimited, unlimited}, {2, 2});
    tree(sample, 10, 24, 3)
        .address(data_at)
        .number(1, 8)
        .number(1, 8)
        .address(data_at + 4)
        .number(0, 8)
        .number(1, 8);
    sample.image.address(data_at + 8).number(7, 8).number(0, 8).checksum();  // the last one beyond the shape
    CHECK(sample.places() == std::map<std::uint64_t, std::uint64_t>{{1, data_at + 4}, {3, data_at}});

    Sample twice(ChunkIndex::btree2, {4}, {unlimited}, {2});
    tree(twice, 10, 16, 2).address(data_at).number(1, 8).address(data_at + 4).number(1, 8).checksum();
    CHECK(twice.code() == ErrorCode::damaged);

    Sample filtered(ChunkIndex::btree2, {4}, {unlimited}, {2}, 1);
    tree(filtered, 11, 22, 1).address(data_at).number(5, 2).number(0, 4).number(1, 8).checksum();
    REQUIRE(filtered.read().size() == 1);
    CHECK(filtered.read()[0].length == 5);
    filtered.data.filter_count = 0;
    CHECK(filtered.code() == ErrorCode::damaged);
}

TEST_CASE("sizes of filtered chunks take one byte more than the chunk needs, or always eight") {
    DataLayout layout;
    ChunkedData data;
    data.layout = &layout;
    const auto width = [&](std::uint64_t chunk_bytes) {
        data.chunk_bytes = chunk_bytes;
        return chunk_length_width(data);
    };
    CHECK(width(1) == 2);
    CHECK(width(255) == 2);
    CHECK(width(256) == 3);
    CHECK(width(65535) == 3);
    CHECK(width(65536) == 4);
    CHECK(width(1ull << 56) == 8);
    CHECK(width(UINT64_MAX) == 8);
    layout.wide_sizes = true;
    CHECK(width(1) == 8);
}
