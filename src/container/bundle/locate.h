// SPDX-License-Identifier: Apache-2.0
// Which checkpoint a location stands for. Pure functions.
#pragma once

#include <optional>
#include <string>

#include "ballast/io.h"

namespace ballast::bundle {

/// The prefix, below the location's root: of a prefix, `P.index`, one of its data files, a folder with a
/// prefix that has no name, or a file of version 1 beside an index. nullopt when it stands for none.
std::optional<std::string> prefix_of(const Location& location);

}  // namespace ballast::bundle
