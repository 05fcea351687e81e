// SPDX-License-Identifier: Apache-2.0
// ChunkGrid: which runs of a chunk's bytes go where in a row-major tensor. A value; pure.
#pragma once

#include <array>
#include <cstdint>

#include "ballast/tensor.h"

namespace ballast::filter {

/// Runs of bytes that are consecutive in a chunk and in the tensor.
struct ChunkRun {
    std::uint64_t tensor_offset = 0, chunk_offset = 0, length = 0;
};

/// A tensor cut in chunks, with everything counted in bytes and full inner axes folded together.
class ChunkGrid {
public:
    /// Chunk dimensions are positive and the tensor has elements.
    ChunkGrid(const Shape& shape, const Shape& chunk, std::uint64_t element_size);

    /// Decoded size of one chunk.
    std::uint64_t chunk_bytes() const noexcept { return chunk_bytes_; }
    /// The grid positions that can hold bytes of [begin, end): first and one past the last.
    std::pair<std::uint64_t, std::uint64_t> cells(std::uint64_t begin, std::uint64_t end) const noexcept;

    /// Calls visit(ChunkRun) for the parts of the chunk at `cell` that lie within [begin, end), in tensor
    /// order.
    template <class Visit>
    void runs(std::uint64_t cell, std::uint64_t begin, std::uint64_t end, Visit&& visit) const;

private:
    using Axes = std::array<std::uint64_t, Shape::max_rank + 1>;
    /// Origin (in bytes of the tensor) and clipped extents of a cell; false when it cannot touch [begin,
    /// end).
    bool place(std::uint64_t cell, std::uint64_t begin, std::uint64_t end, Axes& extent,
               std::uint64_t& origin) const noexcept;

    std::size_t rank_ = 0;
    Axes shape_{}, chunk_{}, stride_{}, chunk_stride_{}, cells_{}, cell_stride_{};
    std::uint64_t chunk_bytes_ = 0;
};

template <class Visit>
void ChunkGrid::runs(std::uint64_t cell, std::uint64_t begin, std::uint64_t end, Visit&& visit) const {
    Axes extent{}, at{};
    std::uint64_t row = 0;
    if (!place(cell, begin, end, extent, row)) return;
    const std::size_t last = rank_ - 1;
    std::uint64_t in_chunk = 0;
    while (true) {
        const std::uint64_t first = row < begin ? begin : row;
        const std::uint64_t stop = row + extent[last] < end ? row + extent[last] : end;
        if (first < stop) visit(ChunkRun{first, in_chunk + (first - row), stop - first});
        std::size_t axis = last;
        while (axis > 0) {
            --axis;
            row += stride_[axis];
            in_chunk += chunk_stride_[axis];
            if (++at[axis] < extent[axis]) break;
            row -= at[axis] * stride_[axis];
            in_chunk -= at[axis] * chunk_stride_[axis];
            at[axis] = 0;
            if (axis == 0) return;
        }
        if (last == 0 || row >= end) return;
    }
}

}  // namespace ballast::filter
