// SPDX-License-Identifier: Apache-2.0
// Renaming a layer in a model's config. Pure functions on the Tree; nothing is executed.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "ballast/tree.h"

namespace ballast {

/// Gives the layer at `path` (names of nested models, then its own) another name: in its entry, and wherever
/// its container's graph refers to it. False when there is no such layer; nothing is changed then.
bool rename_in_config(Tree& config, std::span<const std::string> path, std::string_view new_name);

}  // namespace ballast
