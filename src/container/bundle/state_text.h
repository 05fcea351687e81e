// SPDX-License-Identifier: Apache-2.0
// The text of TensorFlow's state file `checkpoint`, as save_weights() writes it. A pure function.
#pragma once

#include <string>
#include <string_view>

namespace ballast::bundle {

/// Names one checkpoint of the folder, the latest and only one. Bytes beyond printable ASCII are escaped in
/// octal.
std::string state_text(std::string_view prefix);

}  // namespace ballast::bundle
