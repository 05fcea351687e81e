// SPDX-License-Identifier: Apache-2.0
// The numbers of the zip format; docs/formats/zip.md is the page that explains them. All are little-endian.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ballast::zip {

inline constexpr std::uint32_t local_signature = 0x04034b50, entry_signature = 0x02014b50,
                               end_signature = 0x06054b50, wide_end_signature = 0x06064b50,
                               locator_signature = 0x07064b50, descriptor_signature = 0x08074b50;
/// Sizes without the parts of variable length.
inline constexpr std::size_t local_size = 30, entry_size = 46, end_size = 22, wide_end_size = 56,
                             locator_size = 20;
inline constexpr std::uint64_t longest_comment = 0xffff, longest_name = 0xffff;

/// A field with all bits set: the value is in a zip64 field instead.
inline constexpr std::uint32_t full32 = 0xffffffff;
inline constexpr std::uint16_t full16 = 0xffff;

inline constexpr std::uint16_t stored = 0, deflated = 8;  ///< methods
inline constexpr std::uint16_t encrypted_flag = 1U, descriptor_flag = 1U << 3U, patch_flag = 1U << 5U,
                               strong_encryption_flag = 1U << 6U, utf8_flag = 1U << 11U,
                               hidden_flag = 1U << 13U;

inline constexpr std::uint16_t wide_field = 0x0001;  ///< extra field: sizes and offset of 64 bits
/// Extra field: alignment (2 bytes) and zeros. Known from Android's zipalign; other readers skip it.
inline constexpr std::uint16_t padding_field = 0xd935;
inline constexpr std::size_t field_head = 4;  ///< id and length of an extra field

inline constexpr std::uint16_t version_plain = 20, version_wide = 45;
inline constexpr std::uint16_t made_by_unix = 3U << 8U;
inline constexpr std::uint32_t regular_file_mode = 0100644U << 16U;
inline constexpr std::uint16_t first_date = 0x21;  ///< 1980-01-01, the earliest there is; the time is 0

}  // namespace ballast::zip
