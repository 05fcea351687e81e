// SPDX-License-Identifier: Apache-2.0
// Hints in both vocabularies: they name options as the tool does, and say behind that what those are called
// in C++. Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

namespace ballast {

/// "give --like FILE" becomes "give --like FILE (in C++: --like is ConvertOptions::like)". A hint without
/// options, or one that says so already, comes back as it is.
std::string with_members(std::string_view hint);

/// The hint for someone at the tool: without what with_members() added. Valid as long as `hint`.
std::string_view for_tool(std::string_view hint) noexcept;

}  // namespace ballast
