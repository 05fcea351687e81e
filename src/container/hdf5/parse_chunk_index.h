// SPDX-License-Identifier: Apache-2.0
// Chunk indexes: which chunks of a dataset are stored, and where. Six kinds, one collector that checks what
// they list.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "ballast/index.h"
#include "container/hdf5/format.h"
#include "container/hdf5/parse_layout.h"
#include "container/hdf5/read_metadata.h"

namespace ballast::hdf5 {

/// What a chunk index is about. Shape and maximum have elements.
struct ChunkedData {
    const DataLayout* layout = nullptr;
    Shape shape, max, chunk;        ///< chunk without the element size
    std::uint64_t chunk_bytes = 0;  ///< decoded
    std::size_t filter_count = 0;
};

/// All chunks the index lists within the shape, sorted and unique. Errors: damaged, truncated,
/// checksum_mismatch, unsupported.
std::vector<Chunk> read_chunks(Metadata& metadata, const ChunkedData& data);

/// A chunk as an index lists it.
struct StoredChunk {
    std::uint64_t address = format::undefined;  ///< a file position; undefined = never written
    std::uint64_t length = 0;
    std::uint32_t filter_mask = 0;
};

/// Takes chunks from an index and checks each: place, size, overlap. Used for one dataset.
class ChunkCollector {
public:
    ChunkCollector(Metadata& metadata, const ChunkedData& data);

    using Coordinates = std::array<std::uint64_t, Shape::max_rank>;
    /// `at` counts in chunks. Chunks beyond the shape (left over from before it was made smaller) are
    /// ignored. `cursor` is where the index says so, for errors.
    void add(const Coordinates& at, const StoredChunk& chunk, const Cursor& cursor);
    /// What was added, sorted. Throws damaged when two chunks have one place.
    std::vector<Chunk> take();

private:
    Metadata& metadata_;
    const ChunkedData& data_;
    std::array<std::uint64_t, Shape::max_rank> strides_{};
    std::uint32_t all_filters_ = 0;
    std::vector<Chunk> chunks_;
};

/// Numbers the chunks of the largest extent row by row, as arrays and implicit indexes do.
class LinearGrid {
public:
    /// `first` is the axis that changes slowest; the others keep their order.
    LinearGrid(const ChunkedData& data, std::size_t first);
    ChunkCollector::Coordinates coordinates(std::uint64_t number) const;
    /// Chunks of one step along the first axis; checked not to overflow.
    std::uint64_t step() const noexcept { return step_; }

private:
    std::size_t rank_, first_;
    ChunkCollector::Coordinates sizes_{};  ///< chunks along each axis; of the first axis not used
    std::uint64_t step_ = 1;
};

/// Decodes the elements of fixed and extensible arrays: an address, and with filters a size and a mask.
class ChunkElement {
public:
    /// Checks what the array's header says against the dataset. `filtered` is the header's client number.
    ChunkElement(const Metadata& metadata, const ChunkedData& data, Cursor& header);
    std::size_t size() const noexcept { return size_; }
    bool filtered() const noexcept { return length_width_ != 0; }
    StoredChunk read(Cursor& cursor) const;

private:
    const Metadata& metadata_;
    std::uint64_t chunk_bytes_;
    std::size_t length_width_ = 0;  ///< 0 where chunks have no filters
    std::size_t size_;
};

/// Bytes that hold the stored size of a filtered chunk in the indexes of version 4 layouts and later ones.
std::size_t chunk_length_width(const ChunkedData& data) noexcept;

// One function an index; `address` is that of the layout message and defined.
void read_chunk_btree1(Metadata& metadata, const ChunkedData& data, ChunkCollector& out);
void read_chunk_btree2(Metadata& metadata, const ChunkedData& data, ChunkCollector& out);
void read_fixed_array(Metadata& metadata, const ChunkedData& data, ChunkCollector& out);
void read_extensible_array(Metadata& metadata, const ChunkedData& data, ChunkCollector& out);

}  // namespace ballast::hdf5
