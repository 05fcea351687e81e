// SPDX-License-Identifier: Apache-2.0
// Judging a Keras config (Keras 1 to 3) as data. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ballast/hazards.h"
#include "ballast/tree.h"

namespace ballast {

namespace rule {
inline constexpr std::string_view lambda = "lambda", gadget = "gadget", module = "module", pickle = "pickle",
                                  other_model = "other_model", file_reference = "file_reference",
                                  path_name = "path_name", unsafe_switch = "unsafe_switch",
                                  external_link = "external_link", file_operation = "file_operation",
                                  python_operation = "python_operation", custom_object = "custom_object",
                                  custom_operation = "custom_operation", hidden_archive = "hidden_archive";
}  // namespace rule

/// Appends what is found. `where` names the document.
void judge_config(const Tree& config, std::string_view where, std::vector<Hazard>& found);

/// A name that leaves its folder, or means another place on some system.
bool leaves_folder(std::string_view name) noexcept;

}  // namespace ballast
