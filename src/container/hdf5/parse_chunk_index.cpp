// SPDX-License-Identifier: Apache-2.0
// What all chunk indexes share, and the two that need no structure of their own: a single chunk, and chunks
// in a row.
#include "container/hdf5/parse_chunk_index.h"

#include <algorithm>
#include <bit>

#include "container/hdf5/parse_btree2.h"
#include "core/checked.h"

namespace ballast::hdf5 {

namespace {

constexpr std::string_view layout_name = "a data layout";

[[noreturn]] void damaged(const char* what, std::uint64_t position) {
    throw Error(ErrorCode::damaged, std::string("HDF5: ") + what).at(position);
}

void read_single(const ChunkedData& data, ChunkCollector& out) {
    const DataLayout& layout = *data.layout;
    const Cursor cursor({}, layout.address, layout_name);
    if (!layout.single && data.filter_count != 0)
        cursor.fail("lacks the size of its only chunk, which has filters");
    const auto [length, mask] = layout.single.value_or(std::pair(data.chunk_bytes, 0u));
    out.add({}, {layout.address, length, mask}, cursor);
}

/// Chunks stored one after the other, all there from the beginning and all of full size.
void read_implicit(Metadata& metadata, const ChunkedData& data, ChunkCollector& out) {
    const std::uint64_t start = data.layout->address;
    const Cursor cursor({}, start, layout_name);
    if (data.filter_count != 0) cursor.fail("has filters and no sizes of chunks");
    const LinearGrid grid(data, 0);
    // Every chunk of the shape lies before the end of the first axis, so this bounds the loop by the file's
    // size.
    const std::uint64_t rows = (data.shape[0] - 1) / data.chunk[0] + 1;
    const auto count = checked_multiply(rows, grid.step());
    const auto bytes = count ? checked_multiply(*count, data.chunk_bytes) : std::nullopt;
    if (!bytes) cursor.fail("lists more chunks than 64 bits can count");
    metadata.require(start, *bytes, "the chunks of a dataset");
    for (std::uint64_t number = 0; number < *count; ++number) {
        out.add(grid.coordinates(number), {start + number * data.chunk_bytes, data.chunk_bytes, 0}, cursor);
    }
}

}  // namespace

std::vector<Chunk> read_chunks(Metadata& metadata, const ChunkedData& data) {
    if (data.layout->address == format::undefined) return {};
    ChunkCollector collector(metadata, data);
    switch (data.layout->index) {
        case format::ChunkIndex::btree1:
            read_chunk_btree1(metadata, data, collector);
            break;
        case format::ChunkIndex::single:
            read_single(data, collector);
            break;
        case format::ChunkIndex::implicit:
            read_implicit(metadata, data, collector);
            break;
        case format::ChunkIndex::fixed_array:
            read_fixed_array(metadata, data, collector);
            break;
        case format::ChunkIndex::extensible_array:
            read_extensible_array(metadata, data, collector);
            break;
        case format::ChunkIndex::btree2:
            read_chunk_btree2(metadata, data, collector);
            break;
    }
    return collector.take();
}

// ---- The collector ----

ChunkCollector::ChunkCollector(Metadata& metadata, const ChunkedData& data)
    : metadata_(metadata), data_(data) {
    std::uint64_t stride = 1;
    for (std::size_t axis = data.shape.rank(); axis-- > 0;) {
        strides_[axis] = stride;
        stride *= (data.shape[axis] - 1) / data.chunk[axis] + 1;  // at most the number of elements: fits
    }
    all_filters_ = data.filter_count >= 32 ? ~0u : (1u << data.filter_count) - 1;
}

void ChunkCollector::add(const Coordinates& at, const StoredChunk& stored, const Cursor& cursor) {
    if (stored.address == format::undefined) return;
    Chunk chunk;
    bool is_edge = false;
    for (std::size_t axis = 0; axis < data_.shape.rank(); ++axis) {
        const std::uint64_t last = (data_.shape[axis] - 1) / data_.chunk[axis];
        if (at[axis] > last) return;
        is_edge = is_edge || (at[axis] == last && data_.shape[axis] % data_.chunk[axis] != 0);
        chunk.grid_index += at[axis] * strides_[axis];
    }
    chunk.offset = stored.address;
    chunk.length = stored.length;
    chunk.filter_mask = is_edge && data_.layout->plain_edges ? ~0u : stored.filter_mask;
    metadata_.require(chunk.offset, chunk.length, "a chunk");
    if ((chunk.filter_mask & all_filters_) == all_filters_ && chunk.length != data_.chunk_bytes) {
        cursor.fail("has an unfiltered chunk of " + std::to_string(chunk.length) + " instead of " +
                    std::to_string(data_.chunk_bytes) + " bytes");
    }
    metadata_.charge(sizeof(Chunk));
    chunks_.push_back(chunk);
}

std::vector<Chunk> ChunkCollector::take() {
    const auto before = [](const Chunk& a, const Chunk& b) { return a.grid_index < b.grid_index; };
    if (!std::is_sorted(chunks_.begin(), chunks_.end(), before))
        std::sort(chunks_.begin(), chunks_.end(), before);
    const auto twin = std::adjacent_find(chunks_.begin(), chunks_.end(), [](const Chunk& a, const Chunk& b) {
        return a.grid_index == b.grid_index;
    });
    if (twin != chunks_.end()) damaged("a dataset has two chunks at one place", twin->offset);
    return std::move(chunks_);
}

// ---- Linear numbers ----

LinearGrid::LinearGrid(const ChunkedData& data, std::size_t first) : rank_(data.shape.rank()), first_(first) {
    for (std::size_t axis = 0; axis < rank_; ++axis) {
        if (axis == first_) continue;
        if (data.max[axis] == format::undefined)
            damaged("a chunk index does not suit a dataset that grows", data.layout->address);
        sizes_[axis] = (data.max[axis] - 1) / data.chunk[axis] + 1;
        const auto step = checked_multiply(step_, sizes_[axis]);
        if (!step) damaged("a dataset may have more chunks than 64 bits can count", data.layout->address);
        step_ = *step;
    }
}

ChunkCollector::Coordinates LinearGrid::coordinates(std::uint64_t number) const {
    ChunkCollector::Coordinates at{};
    for (std::size_t axis = rank_; axis-- > 0;) {
        if (axis == first_) continue;
        at[axis] = number % sizes_[axis];
        number /= sizes_[axis];
    }
    at[first_] = number;
    return at;
}

// ---- Elements of arrays and records of B-trees ----

std::size_t chunk_length_width(const ChunkedData& data) noexcept {
    if (data.layout->wide_sizes) return 8;
    const auto log = static_cast<std::size_t>(std::bit_width(data.chunk_bytes)) - 1;
    return std::min<std::size_t>(8, 1 + (log + 8) / 8);
}

ChunkElement::ChunkElement(const Metadata& metadata, const ChunkedData& data, Cursor& header)
    : metadata_(metadata), chunk_bytes_(data.chunk_bytes), size_(metadata.geometry.offset_size) {
    const unsigned client = header.u8();
    if (client > 1) header.unsupported("has elements of kind " + std::to_string(client));
    if ((client == 1) != (data.filter_count != 0)) header.fail("does not fit the filters of its dataset");
    if (client == 1) {
        length_width_ = chunk_length_width(data);
        size_ += length_width_ + 4;
    }
    if (header.u8() != size_) header.fail("has elements of another size than its dataset needs");
}

StoredChunk ChunkElement::read(Cursor& cursor) const {
    StoredChunk chunk;
    chunk.address = metadata_.address(cursor);
    chunk.length = filtered() ? cursor.number(length_width_) : chunk_bytes_;
    if (filtered()) chunk.filter_mask = cursor.u32();
    return chunk;
}

// ---- Version 2 B-trees ----

void read_chunk_btree2(Metadata& metadata, const ChunkedData& data, ChunkCollector& out) {
    const bool filtered = data.filter_count != 0;
    const std::size_t rank = data.shape.rank(), width = filtered ? chunk_length_width(data) : 0;
    const std::size_t size = metadata.geometry.offset_size + (filtered ? width + 4 : 0) + 8 * rank;
    const auto type = filtered ? format::Tree2Type::chunk_filtered : format::Tree2Type::chunk;
    for_each_record(metadata, data.layout->address, type, size,
                    [&](std::span<const std::byte> record, std::uint64_t position) {
                        Cursor cursor(record, position, "a chunk's record");
                        StoredChunk chunk;
                        chunk.address = metadata.defined_address(cursor);
                        chunk.length = filtered ? cursor.number(width) : data.chunk_bytes;
                        if (filtered) chunk.filter_mask = cursor.u32();
                        ChunkCollector::Coordinates at{};
                        for (std::size_t axis = 0; axis < rank; ++axis)
                            at[axis] = cursor.u64();
                        out.add(at, chunk, cursor);
                    });
}

}  // namespace ballast::hdf5
