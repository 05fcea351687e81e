// SPDX-License-Identifier: Apache-2.0
// Whether more or less of a quantity is better, by its name.
#pragma once

#include <optional>
#include <string_view>

namespace ballast {

/// True when larger values are better; nullopt when the name does not tell. "val_" in front and a number
/// behind ("auc_1") do not count; "loss" and names that end in "_loss" are losses.
std::optional<bool> larger_is_better(std::string_view monitor);

}  // namespace ballast
