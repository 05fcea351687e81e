// SPDX-License-Identifier: Apache-2.0
// UTF-8 checking and decoding. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ballast::utf8 {

/// What decode() answers for a byte that starts no valid sequence.
inline constexpr std::uint32_t invalid = 0xffffffff;

/// The code point at `position`, which is moved behind it; `invalid` (and one byte further) when the bytes
/// are no UTF-8: stray or missing continuation bytes, overlong forms, surrogates, above U+10FFFF. position <
/// text.size().
std::uint32_t decode(std::string_view text, std::size_t& position) noexcept;

/// Position of the first byte that is not UTF-8, or npos.
std::size_t find_invalid(std::string_view text) noexcept;

inline bool is_valid(std::string_view text) noexcept {
    return find_invalid(text) == std::string_view::npos;
}

}  // namespace ballast::utf8
