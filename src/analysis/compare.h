// SPDX-License-Identifier: Apache-2.0
// Comparing runs of elements, by bits or by distance. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "ballast/dtype.h"

namespace ballast {

struct Comparison {
    std::uint64_t different = 0;    ///< elements
    std::optional<double> largest;  ///< distance of two different ones that are numbers

    void add(const Comparison& other);
};

/// Bits of elements of one type.
Comparison compare_bits(std::span<const std::byte> a, std::span<const std::byte> b, DType dtype);

/// Whether elements of the type are numbers with a distance.
bool has_distance(DType dtype) noexcept;
/// Elements further apart than `tolerance` differ, both taken as float64 (complex numbers part by part);
/// equal bits, equal infinities and any two NaN do not. The types have a distance and an equal number of
/// parts.
Comparison compare_distance(std::span<const std::byte> a, DType dtype_a, std::span<const std::byte> b,
                            DType dtype_b, double tolerance);

}  // namespace ballast
