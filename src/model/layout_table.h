// SPDX-License-Identifier: Apache-2.0
// The tables behind layout.h, generated from layouts.json by tools/layouts/generate.py. Static, read-only.
#pragma once

#include <span>
#include <string_view>

#include "model/layout.h"

namespace ballast::layout::table {

struct Alias {
    std::string_view alias;
    const ClassLayout* layout;
};
struct Renamed {
    std::string_view old_name;
    std::string_view name;
};

extern const std::span<const ClassLayout> classes;  ///< sorted by name
extern const std::span<const Alias> aliases;        ///< sorted by alias
extern const std::span<const Renamed> old_weight_names;
extern const std::span<const Renamed> old_config_keys;  ///< one old name each, for tf_keras configs only
extern const FrameworkSet model_weights_last;

}  // namespace ballast::layout::table
