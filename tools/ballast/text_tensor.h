// SPDX-License-Identifier: Apache-2.0
// A tensor's elements as text: a line a row of the last axis, an empty line after each matrix.
//
// Numbers are as short as they can be without losing a bit; numpy.loadtxt reads tensors of up to two axes.
// Blocks must come in order. One thread.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "ballast/dtype.h"
#include "ballast/tensor.h"

namespace ballast::tool {

class TextTensor {
public:
    /// Errors: unsupported_dtype for texts.
    TextTensor(DType dtype, const Shape& shape);
    /// Appends the elements in `bytes`, which follow those of the last call.
    void append(std::span<const std::byte> bytes, fmt::memory_buffer& out);

private:
    void separate(fmt::memory_buffer& out) const;

    DType dtype_;
    std::uint64_t row_ = 1, matrix_ = 0, at_ = 0, total_ = 0;
};

}  // namespace ballast::tool
