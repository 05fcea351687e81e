// SPDX-License-Identifier: Apache-2.0
// ChunkGrid: the arithmetic of a tensor cut in equal chunks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ballast/model.h"

namespace ballast {

/// Rows of chunks up to this size are read once for all their chunks.
inline constexpr std::uint64_t shared_slab_bytes = std::uint64_t{4} << 20;

/// A plain value. "Row" is a place in the grid's first axis, "slab" the elements of the tensor in one row of
/// chunks.
class ChunkGrid {
public:
    /// Errors: internal when the chunk shape does not fit the tensor.
    ChunkGrid(const TensorExpr& value, const Shape& chunk_shape);

    std::uint64_t chunk_count() const noexcept { return chunk_count_; }
    /// Bytes of a full chunk.
    std::uint64_t chunk_bytes() const noexcept { return chunk_elements_ * element_; }
    std::uint64_t row_of(std::uint64_t grid_index) const noexcept { return grid_index / chunks_per_row_; }
    /// Bytes of a full slab.
    std::uint64_t slab_bytes() const noexcept { return slab_bytes_; }
    /// The bytes of the tensor a chunk's row covers.
    struct Range {
        std::uint64_t begin = 0, length = 0;
    };
    Range slab_of(std::uint64_t grid_index) const;

    /// A chunk's elements as runs of bytes: contiguous in the tensor and, at other places, in the chunk.
    struct ByteRun {
        std::uint64_t in_tensor = 0, in_chunk = 0, length = 0;
    };
    std::vector<ByteRun> runs_of(std::uint64_t grid_index) const;
    /// Bytes of the chunk that lie in the tensor.
    std::uint64_t used_bytes(std::uint64_t grid_index) const;

private:
    struct Box;
    Box box_of(std::uint64_t grid_index) const;

    std::uint64_t element_ = 1;
    std::vector<std::uint64_t> dims_, chunk_, grid_;
    std::uint64_t chunk_count_ = 1, chunk_elements_ = 1, chunks_per_row_ = 1, slab_bytes_ = 0;
};

/// For values read from chunked storage: the bytes in which ranges should be asked for, so that no chunk is
/// decoded more than once where that is affordable. 0 when nothing is decoded.
std::uint64_t decoding_step(const TensorExpr& value);

}  // namespace ballast
