// SPDX-License-Identifier: Apache-2.0
// Applying the rules of a map to names.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ballast/align.h"

namespace ballast {

/// The new name by one rule; nothing when it does not fit. Each `*` takes as little as makes the whole fit.
std::optional<std::string> apply_rule(const MapRule& rule, std::string_view name);

/// The new name by the first rule that fits the stored or else the canonical name.
std::optional<std::string> mapped_name(const std::vector<MapRule>& rules, std::string_view stored,
                                       std::string_view canonical);

/// Throws name_not_found for the first rule that fits none of the names (pairs of stored and canonical).
void check_rules(const std::vector<MapRule>& rules,
                 const std::vector<std::pair<std::string, std::string>>& names);

}  // namespace ballast
