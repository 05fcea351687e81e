// SPDX-License-Identifier: Apache-2.0
// The numbers and words of the safetensors format; README.md beside this file is the page that explains them.
#pragma once

#include <cstdint>
#include <string_view>

namespace ballast::safetensors {

/// u64, little-endian: length of the header that follows.
inline constexpr std::uint64_t length_bytes = 8;
/// The reference refuses longer headers; we read them up to Limits::json_bytes but never write them.
inline constexpr std::uint64_t largest_written_header = 100'000'000;
/// The header is padded with spaces so that the data start at a multiple of this.
inline constexpr std::uint64_t data_alignment = 8;

inline constexpr std::string_view metadata_key = "__metadata__";
inline constexpr std::string_view dtype_key = "dtype", shape_key = "shape", offsets_key = "data_offsets";

/// Our own entry in the metadata (src/dialect/kept_model.h).
inline constexpr std::string_view ballast_key = "ballast";

}  // namespace ballast::safetensors
