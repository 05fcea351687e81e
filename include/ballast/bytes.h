// SPDX-License-Identifier: Apache-2.0
// Bytes: a size that says its unit.
//
//   using namespace ballast::literals;
//   ballast::Bytes shard = 2_GB;               // 2'000'000'000
//   ballast::Bytes keras = 0.25_keras_gb;      // a quarter of Keras' "GB", 1024^3 bytes
//
// A plain value. A bare number does not convert: two gigabytes or two bytes is not to be guessed.
#pragma once

#include <compare>
#include <cstdint>

#include "ballast/export.h"

namespace ballast {

/// A number of bytes.
struct Bytes {
    std::uint64_t count = 0;  ///< 0 where an option takes a size: not asked for

    constexpr Bytes() = default;  ///< 0 bytes
    /// A number that is known to count bytes.
    explicit constexpr Bytes(std::uint64_t bytes) : count(bytes) {}
    /// By count.
    friend constexpr auto operator<=>(const Bytes&, const Bytes&) = default;
};

/// Sizes as literals, `2_GB` or `1.5_GiB`: `_B`; `_KB`, `_MB`, `_GB`, `_TB` (powers of 1000); `_KiB`, `_MiB`,
/// `_GiB`, `_TiB` (of 1024); `_keras_gb`, 1024^3 bytes, what Keras' max_shard_size counts in. Fractions are
/// rounded to whole bytes; what is above 2^63 bytes does not compile.
namespace literals {
/// @cond how the literals are made
namespace detail {

/// Throws out_of_range: the size is above 2^63 bytes. In the library: callers may be compiled without
/// exceptions.
[[noreturn]] BALLAST_API void refuse_size();

/// Rounded to whole bytes; out_of_range (a compile error in a constant) when they do not fit.
constexpr Bytes sized(long double number, long double unit) {
    constexpr long double limit = 9223372036854775808.0L;  // 2^63
    const long double bytes = number * unit + 0.5L;
    if (!(bytes < limit)) refuse_size();
    return Bytes(static_cast<std::uint64_t>(bytes));
}
constexpr Bytes sized(unsigned long long number, std::uint64_t unit) {
    constexpr std::uint64_t limit = std::uint64_t{1} << 63;
    if (number > limit / unit) refuse_size();
    return Bytes(number * unit);
}

}  // namespace detail
/// @endcond

/// @cond a macro that is gone at the end of this header
#define BALLAST_BYTES_LITERAL(suffix, unit)                           \
    constexpr Bytes operator""_##suffix(unsigned long long number) {  \
        return detail::sized(number, std::uint64_t{unit});            \
    }                                                                 \
    constexpr Bytes operator""_##suffix(long double number) {         \
        return detail::sized(number, static_cast<long double>(unit)); \
    }
BALLAST_BYTES_LITERAL(B, 1)
BALLAST_BYTES_LITERAL(KB, 1000)
BALLAST_BYTES_LITERAL(MB, 1000'000)
BALLAST_BYTES_LITERAL(GB, 1000'000'000)
BALLAST_BYTES_LITERAL(TB, 1000'000'000'000)
BALLAST_BYTES_LITERAL(KiB, 1ull << 10)
BALLAST_BYTES_LITERAL(MiB, 1ull << 20)
BALLAST_BYTES_LITERAL(GiB, 1ull << 30)
BALLAST_BYTES_LITERAL(TiB, 1ull << 40)
/// What Keras' max_shard_size counts in.
BALLAST_BYTES_LITERAL(keras_gb, 1ull << 30)
#undef BALLAST_BYTES_LITERAL
/// @endcond

}  // namespace literals
}  // namespace ballast
