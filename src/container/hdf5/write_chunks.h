// SPDX-License-Identifier: Apache-2.0
// Chunked datasets: the grid, the size of their index (a version 1 B-tree), and its nodes once the chunks
// have their places. Pure functions. Source: docs/formats/hdf5.md.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "ballast/plan.h"
#include "ballast/tensor.h"
#include "container/hdf5/write_types.h"

namespace ballast::hdf5::writer {

/// Chunks of about `wanted` bytes: whole rows of the last axes, so that a chunk is one run of the tensor.
/// Rank >= 1, no axis empty.
Shape chunk_shape_for(const Shape& shape, std::uint64_t element_size, std::uint64_t wanted);

std::uint64_t chunk_count(const Shape& shape, const Shape& chunk_shape);

/// The index's nodes, top level first.
struct ChunkTree {
    static constexpr std::size_t max_levels = 8;  // 64^8 chunks exceed what any plan holds
    std::uint64_t chunks = 0;
    std::uint64_t node_size = 0;
    std::size_t levels = 1;
    std::array<std::uint64_t, max_levels> nodes{};  ///< by level, 0 = above the chunks

    std::uint64_t node(std::size_t level, std::uint64_t number) const noexcept;
    std::uint64_t size() const noexcept { return node(0, nodes[0]); }
};
ChunkTree chunk_tree(std::uint64_t chunks, std::size_t rank);

/// The bytes of the whole index at `address`. `places` are the chunks in grid order.
std::vector<std::byte> encode_chunk_tree(const ChunkTree& tree, std::uint64_t address,
                                         const ChunkedTarget& target, std::span<const PieceResult> places);

/// Body of the filter pipeline message.
void encode_pipeline(Encoder& out, std::span<const Filter> filters);

}  // namespace ballast::hdf5::writer
