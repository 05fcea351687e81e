// SPDX-License-Identifier: Apache-2.0
// Python's format mini-language for integers and floats: format(7, "03d"), format(0.314, ".2f").
//
// Pure functions; independent of the locale.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ballast {

/// As Python's format(value, spec). Errors: invalid_argument for what Python refuses, and for the type `c`.
std::string format_integer(std::int64_t value, std::string_view spec);
std::string format_float(double value, std::string_view spec);

}  // namespace ballast
