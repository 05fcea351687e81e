// SPDX-License-Identifier: Apache-2.0
// The words and numbers of .npz; README.md beside this file is the page that explains them.
#pragma once

#include <cstdint>
#include <string_view>

#include "ballast/format.h"

namespace ballast::npz {

/// What a member's name has behind the array's.
inline constexpr std::string_view member_suffix = ".npy";
/// The array that holds our own entry (src/dialect/kept_model.h): its JSON as uint8.
inline constexpr std::string_view kept_name = "__ballast__";
/// .npy headers keep the elements at a multiple of 64 within a member; so do members within the file.
inline constexpr std::uint64_t alignment = 64;

WritePlan plan(const Model& model, const Target& target, const SaveOptions& options, Report& report);

}  // namespace ballast::npz
