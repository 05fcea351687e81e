// SPDX-License-Identifier: Apache-2.0
// The numbers of the .npy format; docs/formats/npy.md is the page that explains them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ballast::npy {

inline constexpr std::string_view magic = "\x93NUMPY";
inline constexpr std::size_t version_end = 8;  ///< magic, major, minor
/// Bytes before the header's text: version 1 has a length of two bytes, versions 2 and 3 of four.
inline constexpr std::size_t lead_v1 = 10, lead_v2 = 12;
inline constexpr std::size_t longest_v1 = 65535;
/// The elements start at a multiple of this, the text is padded with spaces and ends with a line feed.
inline constexpr std::size_t alignment = 64;
/// numpy pads the text as if the first dimension had this many digits.
inline constexpr std::size_t growth_digits = 21;
/// A tensor's header takes a few hundred bytes; what is longer describes something else.
inline constexpr std::uint64_t longest_read = 1u << 20;

}  // namespace ballast::npy
