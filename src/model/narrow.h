// SPDX-License-Identifier: Apache-2.0
// Conversions of single floating-point numbers, each with one rounding (to nearest, ties to even).
//
// Written with selections instead of branches, so that loops over them become vector instructions. They rely
// on IEEE 754 arithmetic in its default rounding mode: no -ffast-math. Pure functions; any thread.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace ballast {

static_assert(std::numeric_limits<float>::is_iec559 && std::numeric_limits<double>::is_iec559);

/// Exact. NaN keeps sign and payload.
inline float half_to_float(std::uint16_t half) noexcept {
    const std::uint32_t sign = (std::uint32_t{half} & 0x8000U) << 16U;
    const std::uint32_t magnitude = (std::uint32_t{half} & 0x7FFFU) << 13U;  // its exponent biased by 15
    const std::uint32_t normal = magnitude + (112U << 23U);
    const std::uint32_t special = magnitude + (224U << 23U);
    // Without exponent: 2^-14 (1 + fraction) less 2^-14, both exact.
    const float tiny = std::bit_cast<float>(magnitude + (113U << 23U)) - 0x1p-14F;
    std::uint32_t bits = magnitude >= (31U << 23U) ? special : normal;
    bits = magnitude < (1U << 23U) ? std::bit_cast<std::uint32_t>(tiny) : bits;
    return std::bit_cast<float>(sign | bits);
}

/// From 65520 on infinite. NaN keeps sign and the top of its payload, and becomes quiet.
inline std::uint16_t float_to_half(float value) noexcept {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = bits >> 16U & 0x8000U;
    const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
    // Just below half of the last place kept, a tie's remainder by its parity: the carry rounds, up to
    // infinity.
    const std::uint32_t normal = (magnitude - (112U << 23U) + 0xFFFU + (magnitude >> 13U & 1U)) >> 13U;
    // The last place of 0.5 is 2^-24, that of subnormal halves: the addition itself rounds.
    const std::uint32_t tiny = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) -
                               std::bit_cast<std::uint32_t>(0.5F);
    std::uint32_t half = magnitude < (113U << 23U) ? tiny : normal;
    half = magnitude >= (143U << 23U) ? 0x7C00U : half;
    half = magnitude > 0x7F800000U ? (0x7E00U | (magnitude >> 13U & 0x3FFU)) : half;
    return static_cast<std::uint16_t>(sign | half);
}

inline float bfloat_to_float(std::uint16_t bfloat) noexcept {
    return std::bit_cast<float>(std::uint32_t{bfloat} << 16U);
}

/// NaN keeps sign and the top of its payload, and becomes quiet.
inline std::uint16_t float_to_bfloat(float value) noexcept {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t rounded = (bits + 0x7FFFU + (bits >> 16U & 1U)) >> 16U;
    const std::uint32_t quiet = bits >> 16U | 0x40U;
    return static_cast<std::uint16_t>((bits & 0x7FFFFFFFU) > 0x7F800000U ? quiet : rounded);
}

/// A float that rounds to any narrower type as the double itself would: what does not fit shows in its last
/// bit.
inline float round_to_odd(double value) noexcept {
    const auto nearest = static_cast<float>(value);
    const double back = nearest;
    auto bits = std::bit_cast<std::uint32_t>(nearest);
    bits -= std::fabs(back) > std::fabs(value) ? 1U : 0U;  // it was rounded away from zero
    bits |= back != value ? 1U : 0U;
    return std::bit_cast<float>(bits);
}

inline std::uint16_t double_to_half(double value) noexcept {
    return float_to_half(round_to_odd(value));
}
inline std::uint16_t double_to_bfloat(double value) noexcept {
    return float_to_bfloat(round_to_odd(value));
}

/// float8_e5m2 is the upper byte of a half.
inline float e5m2_to_float(std::uint8_t bits) noexcept {
    return half_to_float(static_cast<std::uint16_t>(bits << 8U));
}

/// float8_e4m3fn: four bits of exponent biased by 7, three of fraction, no infinities, one NaN a sign.
inline float e4m3fn_to_float(std::uint8_t bits) noexcept {
    const std::uint32_t sign = (std::uint32_t{bits} & 0x80U) << 24U;
    const std::uint32_t magnitude = (std::uint32_t{bits} & 0x7FU) << 20U;
    const float tiny = std::bit_cast<float>(magnitude + (121U << 23U)) - 0x1p-6F;
    std::uint32_t result = magnitude + (120U << 23U);
    result = magnitude < (1U << 23U) ? std::bit_cast<std::uint32_t>(tiny) : result;
    result = magnitude == 0x7F00000U ? 0x7FC00000U : result;
    return std::bit_cast<float>(sign | result);
}

}  // namespace ballast
