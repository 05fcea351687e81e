// SPDX-License-Identifier: Apache-2.0
// Names below the root of an Fs, and the names of temporary files. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ballast::io {

/// Throws unsafe_name unless `name` is relative, without empty, "." and ".." components and without NUL.
/// `root` is only for the message.
void check_name(std::string_view name, std::string_view root);

/// "a/b/c" -> {"a/b", "c"}; "c" -> {"", "c"}.
struct SplitName {
    std::string_view folder, leaf;
};
SplitName split_name(std::string_view name) noexcept;
std::string join_name(std::string_view folder, std::string_view leaf);

inline constexpr std::size_t default_name_max = 255;

/// A fresh hidden leaf name for a temporary beside `leaf`: ".LEAF.<12 hex digits>.ballast-tmp", LEAF
/// shortened where the result would exceed `name_max` bytes.
std::string temporary_leaf(std::string_view leaf, std::size_t name_max = default_name_max);

/// True when `candidate` may have come from temporary_leaf(leaf, name_max).
bool is_temporary_of(std::string_view candidate, std::string_view leaf,
                     std::size_t name_max = default_name_max) noexcept;

}  // namespace ballast::io
