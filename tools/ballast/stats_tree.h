// SPDX-License-Identifier: Apache-2.0
// Statistics of a tensor as data. Pure function.
#pragma once

#include <optional>

#include "ballast/stats.h"
#include "ballast/tree.h"

namespace ballast::tool {

/// {"min": …, "histogram": […]}; null for a tensor without statistics.
Tree stats_tree(const std::optional<TensorStats>& stats);

}  // namespace ballast::tool
