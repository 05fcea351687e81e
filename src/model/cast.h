// SPDX-License-Identifier: Apache-2.0
// Element conversions and arithmetic on packed little-endian bytes. Pure functions; any thread may call them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "ballast/dtype.h"

namespace ballast {

/// Between float16, bfloat16, float32 and float64 (round to nearest, ties to even; NaN stays NaN); from
/// float8, booleans and integers to those; between integers where every value fits.
bool can_cast(DType from, DType to) noexcept;
/// Converts all elements of `in`; `out` has room for exactly as many. Any alignment; must not overlap.
void cast_elements(std::span<const std::byte> in, DType from, std::span<std::byte> out, DType to);

/// How many elements are infinite; of complex ones, how many parts. 0 for types without infinities.
std::uint64_t count_infinite(std::span<const std::byte> bytes, DType dtype) noexcept;
/// How many elements are no number; of complex ones, how many parts. 0 for types without NaN.
std::uint64_t count_nan(std::span<const std::byte> bytes, DType dtype) noexcept;
/// Whether a finite floating-point element of one type can become infinite in the other.
bool can_overflow(DType from, DType to) noexcept;

/// True for integers and the four floating-point types above: what add_elements and square_elements take.
bool has_arithmetic(DType dtype) noexcept;
/// sum[i] += other[i], integers modulo 2^bits, half precision rounded once.
void add_elements(std::span<std::byte> sum, std::span<const std::byte> other, DType dtype);
/// x[i] *= x[i]
void square_elements(std::span<std::byte> x, DType dtype);

}  // namespace ballast
