// SPDX-License-Identifier: Apache-2.0
// The words that a lookup layer keeps in a file among a model's assets. Any thread.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "ballast/index.h"
#include "ballast/limits.h"
#include "ballast/tree.h"

namespace ballast {

/// Whether Keras' class of that name looks words up.
bool is_lookup(std::string_view class_name);

/// A list of the lines of the asset; of numbers where `numbers`. Nothing when there is no such asset. Errors:
/// limit_exceeded; damaged for a line that is no number; those of reading.
std::optional<Tree> words_in(const std::vector<Blob>& assets, std::string_view name, bool numbers,
                             const Limits& limits);

}  // namespace ballast
