// SPDX-License-Identifier: Apache-2.0
// Parts of HTML pages: self-contained, readable without scripts, fit to print. Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "ballast/report.h"

namespace ballast::tool {

/// Up to and with the opening of the body.
std::string page_head(std::string_view title);
/// Text between tags or in an attribute's quotes. Control characters are escaped as on a terminal.
std::string html(std::string_view text);
/// The entries as a table; empty without entries. `all` = also what arrived unchanged.
std::string entries_table(const Report& report, bool all);
/// A small picture of a histogram.
std::string histogram_svg(std::span<const std::uint64_t> counts);

}  // namespace ballast::tool
