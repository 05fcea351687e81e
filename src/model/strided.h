// SPDX-License-Identifier: Apache-2.0
// StridedView: memory seen as an N-d array whose elements lie at any (also negative) byte steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ballast/tensor.h"

namespace ballast {

/// Does not own its memory; a plain value.
struct StridedView {
    std::byte* base = nullptr;
    std::size_t element = 1;  ///< bytes of one element
    std::vector<std::uint64_t> dims;
    std::vector<std::int64_t> steps;  ///< bytes from one entry of an axis to the next

    /// Row-major without gaps.
    static StridedView contiguous(std::byte* base, std::size_t element, const Shape& shape);

    std::uint64_t count() const noexcept;
    bool is_contiguous() const noexcept;
    /// Merges axes that can be walked as one and drops those of size 1; the order of elements stays.
    StridedView simplified() const;

    /// Axis i of the result is axis axes[i] of this.
    StridedView permuted(std::span<const std::uint32_t> axes) const;
    /// As a value with these axes transposed by `axes` is written: the inverse of permuted().
    StridedView unpermuted(std::span<const std::uint32_t> axes) const;
    StridedView flipped(std::span<const std::uint32_t> axes) const;
    StridedView part(std::uint32_t axis, std::uint64_t begin, std::uint64_t count) const;
};

/// Writes packed elements into the view, from its element number `first` (row-major) on.
void scatter(const StridedView& view, std::uint64_t first, std::span<const std::byte> elements);
/// Reads packed elements from the view, from its element number `first` on.
void gather(const StridedView& view, std::uint64_t first, std::span<std::byte> elements);

}  // namespace ballast
