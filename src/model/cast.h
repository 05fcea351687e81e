// SPDX-License-Identifier: Apache-2.0
// Element conversions and arithmetic on packed little-endian bytes. Pure functions; any thread may call them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "ballast/dtype.h"

namespace ballast {

/// Between float16, bfloat16, float32 and float64 (round to nearest, ties to even; NaN stays NaN); from
/// booleans and integers to those; between integers where every value fits.
bool can_cast(DType from, DType to) noexcept;
/// Converts all elements of `in`; `out` has room for exactly as many. Any alignment; must not overlap.
void cast_elements(std::span<const std::byte> in, DType from, std::span<std::byte> out, DType to);

/// True for integers and the four floating-point types above: what add_elements and square_elements take.
bool has_arithmetic(DType dtype) noexcept;
/// sum[i] += other[i], integers modulo 2^bits, half precision rounded once.
void add_elements(std::span<std::byte> sum, std::span<const std::byte> other, DType dtype);
/// x[i] *= x[i]
void square_elements(std::span<std::byte> x, DType dtype);

std::uint16_t float_to_half(float value) noexcept;
float half_to_float(std::uint16_t bits) noexcept;
std::uint16_t double_to_half(double value) noexcept;
std::uint16_t float_to_bfloat(float value) noexcept;
float bfloat_to_float(std::uint16_t bits) noexcept;
std::uint16_t double_to_bfloat(double value) noexcept;

}  // namespace ballast
