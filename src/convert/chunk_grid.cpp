// SPDX-License-Identifier: Apache-2.0
// Where the elements of a chunk lie in their tensor.
#include "convert/chunk_grid.h"

#include <algorithm>

#include "ballast/error.h"
#include "core/checked.h"

namespace ballast {
namespace {

constexpr std::uint64_t longest_step = std::uint64_t{32} << 20;

std::uint64_t multiply(std::uint64_t a, std::uint64_t b) {
    const auto product = checked_multiply(a, b);
    if (!product) throw Error(ErrorCode::limit_exceeded, "a chunk is too large");
    return *product;
}

std::uint64_t row_bytes(const Shape& shape, DType dtype) {
    std::uint64_t elements = 1;
    for (std::size_t axis = 1; axis < shape.rank(); ++axis)
        elements *= shape[axis];
    return byte_size(dtype, elements);
}

}  // namespace

struct ChunkGrid::Box {
    std::vector<std::uint64_t> begin, size;
};

ChunkGrid::ChunkGrid(const TensorExpr& value, const Shape& chunk_shape)
    : element_(info(value.dtype()).bits / 8U),
      dims_(value.shape().begin(), value.shape().end()),
      chunk_(chunk_shape.begin(), chunk_shape.end()) {
    const bool fits_tensor = element_ > 0 && !dims_.empty() && dims_.size() == chunk_.size() &&
                             std::find(chunk_.begin(), chunk_.end(), 0) == chunk_.end();
    if (!fits_tensor)
        throw Error(ErrorCode::internal, "chunks of shape " + chunk_shape.to_string() +
                                             " for a tensor of shape " + value.shape().to_string());
    for (std::size_t axis = 0; axis < dims_.size(); ++axis) {
        grid_.push_back(dims_[axis] / chunk_[axis] + (dims_[axis] % chunk_[axis] != 0));
        chunk_count_ = multiply(chunk_count_, grid_[axis]);
        chunk_elements_ = multiply(chunk_elements_, chunk_[axis]);
        if (axis > 0) chunks_per_row_ *= std::max<std::uint64_t>(grid_[axis], 1);
    }
    (void)multiply(chunk_elements_, element_);
    slab_bytes_ = multiply(std::min(chunk_[0], std::max<std::uint64_t>(dims_[0], 1)),
                           row_bytes(value.shape(), value.dtype()));
}

ChunkGrid::Box ChunkGrid::box_of(std::uint64_t grid_index) const {
    if (grid_index >= chunk_count_) throw Error(ErrorCode::internal, "a chunk outside of its tensor");
    Box box{std::vector<std::uint64_t>(dims_.size()), std::vector<std::uint64_t>(dims_.size())};
    for (std::size_t axis = dims_.size(); axis-- > 0;) {
        box.begin[axis] = grid_index % grid_[axis] * chunk_[axis];
        box.size[axis] = std::min(chunk_[axis], dims_[axis] - box.begin[axis]);
        grid_index /= grid_[axis];
    }
    return box;
}

ChunkGrid::Range ChunkGrid::slab_of(std::uint64_t grid_index) const {
    const Box box = box_of(grid_index);
    std::uint64_t row = element_;
    for (std::size_t axis = 1; axis < dims_.size(); ++axis)
        row *= dims_[axis];
    return {box.begin[0] * row, box.size[0] * row};
}

std::uint64_t ChunkGrid::used_bytes(std::uint64_t grid_index) const {
    std::uint64_t bytes = element_;
    for (const std::uint64_t size : box_of(grid_index).size)
        bytes *= size;
    return bytes;
}

std::vector<ChunkGrid::ByteRun> ChunkGrid::runs_of(std::uint64_t grid_index) const {
    const Box box = box_of(grid_index);
    const std::size_t rank = dims_.size();
    // Axes from `inner` on are covered whole by both the tensor's rows and the chunk's: one run goes over
    // them.
    std::size_t inner = rank - 1;
    std::uint64_t run = box.size[inner] * element_;
    while (inner > 0 && box.size[inner] == dims_[inner] && chunk_[inner] == dims_[inner]) {
        --inner;
        run *= box.size[inner];
    }
    std::vector<std::uint64_t> tensor_step(rank), chunk_step(rank), position(rank);
    for (std::size_t axis = rank; axis-- > 0;) {
        tensor_step[axis] = axis + 1 == rank ? element_ : tensor_step[axis + 1] * dims_[axis + 1];
        chunk_step[axis] = axis + 1 == rank ? element_ : chunk_step[axis + 1] * chunk_[axis + 1];
    }
    std::uint64_t count = 1;
    for (std::size_t axis = 0; axis < inner; ++axis)
        count *= box.size[axis];
    std::vector<ByteRun> runs;
    runs.reserve(static_cast<std::size_t>(count));
    for (; count > 0; --count) {
        ByteRun next{0, 0, run};
        for (std::size_t axis = 0; axis < rank; ++axis) {
            next.in_tensor += (box.begin[axis] + position[axis]) * tensor_step[axis];
            next.in_chunk += position[axis] * chunk_step[axis];
        }
        runs.push_back(next);
        for (std::size_t axis = inner; axis-- > 0;) {
            if (++position[axis] < box.size[axis]) break;
            position[axis] = 0;
        }
    }
    return runs;
}

std::uint64_t decoding_step(const TensorExpr& value) {
    if (value.is_identity()) {
        const TensorInfo& tensor = *value.source();
        const auto* chunked = std::get_if<std::shared_ptr<const ChunkedLayout>>(&tensor.storage.layout);
        if (!chunked || !*chunked || tensor.shape.rank() == 0 || (*chunked)->chunk_shape.rank() == 0)
            return 0;
        const std::uint64_t row = std::max<std::uint64_t>(row_bytes(tensor.shape, tensor.dtype), 1);
        const std::uint64_t rows =
            std::max<std::uint64_t>(std::min((*chunked)->chunk_shape[0], tensor.shape[0]), 1);
        const std::uint64_t affordable = std::max<std::uint64_t>(longest_step / row, 1);
        return std::min(rows, affordable) * row;
    }
    for (const TensorExpr& input : value.inputs()) {
        const std::uint64_t step = decoding_step(input);
        if (step == 0) continue;
        if (value.op() != TensorExpr::Op::cast) return step;
        return step / (info(input.dtype()).bits / 8U) * (info(value.dtype()).bits / 8U);
    }
    return 0;
}

}  // namespace ballast
