// SPDX-License-Identifier: Apache-2.0
// The geometry of chunk grids.
#include "filter/chunk_copy.h"

#include <algorithm>

namespace ballast::filter {

ChunkGrid::ChunkGrid(const Shape& shape, const Shape& chunk, std::uint64_t element_size) {
    // The element's bytes are the innermost axis, which is always full.
    rank_ = 1;
    shape_[0] = chunk_[0] = element_size;
    // Built from the innermost axis outwards: index 0 is the innermost while folding.
    for (std::size_t axis = shape.rank(); axis-- > 0;) {
        if (shape_[rank_ - 1] == chunk_[rank_ - 1]) {
            shape_[rank_ - 1] *= shape[axis];
            chunk_[rank_ - 1] *= chunk[axis];
        } else {
            shape_[rank_] = shape[axis];
            chunk_[rank_] = chunk[axis];
            ++rank_;
        }
    }
    std::reverse(shape_.begin(), shape_.begin() + static_cast<std::ptrdiff_t>(rank_));
    std::reverse(chunk_.begin(), chunk_.begin() + static_cast<std::ptrdiff_t>(rank_));
    std::uint64_t stride = 1, cell_stride = 1;
    chunk_bytes_ = 1;
    for (std::size_t axis = rank_; axis-- > 0;) {
        stride_[axis] = stride;
        stride *= shape_[axis];
        chunk_stride_[axis] = chunk_bytes_;
        chunk_bytes_ *= chunk_[axis];
        cells_[axis] = (shape_[axis] - 1) / chunk_[axis] + 1;
        cell_stride_[axis] = cell_stride;
        cell_stride *= cells_[axis];
    }
}

std::pair<std::uint64_t, std::uint64_t> ChunkGrid::cells(std::uint64_t begin,
                                                         std::uint64_t end) const noexcept {
    if (begin >= end) return {0, 0};
    const std::uint64_t first = begin / stride_[0] / chunk_[0];
    const std::uint64_t last = (end - 1) / stride_[0] / chunk_[0];
    return {first * cell_stride_[0], (last + 1) * cell_stride_[0]};
}

bool ChunkGrid::place(std::uint64_t cell, std::uint64_t begin, std::uint64_t end, Axes& extent,
                      std::uint64_t& origin) const noexcept {
    origin = 0;
    std::uint64_t last_byte = 0;
    for (std::size_t axis = 0; axis < rank_; ++axis) {
        const std::uint64_t start = cell / cell_stride_[axis] * chunk_[axis];
        cell %= cell_stride_[axis];
        extent[axis] = std::min(chunk_[axis], shape_[axis] - start);
        origin += start * stride_[axis];
        last_byte += (start + extent[axis] - 1) * stride_[axis];
    }
    return origin < end && last_byte >= begin;
}

}  // namespace ballast::filter
