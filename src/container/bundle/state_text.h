// SPDX-License-Identifier: Apache-2.0
// TensorFlow's state file `checkpoint`: read leniently, written as save_weights() and CheckpointManager do.
// Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ballast::bundle {

/// What the file says. Paths are relative to its folder, or absolute.
struct StateFile {
    std::string latest;              ///< empty where the file does not say
    std::vector<std::string> all;    ///< the oldest first
    std::vector<std::string> times;  ///< of `all`, as they are written; empty, or as many
    std::string last_preserved;      ///< a time; may be empty
};

/// Any text: what cannot be understood ends the reading, unknown fields are skipped, the last value of a
/// single field counts.
StateFile read_state(std::string_view text);
std::string write_state(const StateFile& state);

/// Names one checkpoint of the folder, the latest and only one. Bytes beyond printable ASCII are escaped in
/// octal.
std::string state_text(std::string_view prefix);

}  // namespace ballast::bundle
