// SPDX-License-Identifier: Apache-2.0
// Checkpoints in a folder.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "ballast/export.h"

namespace ballast {

/// The newest checkpoint of a folder, and how it was found.
struct LatestCheckpoint {
    std::filesystem::path path;  ///< what open() takes; of TensorFlow checkpoints the prefix
    std::string reason;          ///< "the file checkpoint names it", "highest number 12", "newest of 3"
};

/// Which checkpoint of the folder is the newest:
/// 1. The one that the state file `checkpoint` (TensorFlow's) names, when it is there.
/// 2. Else, of the checkpoints whose names differ in numbers only, the one with the highest number: the
/// numbers
///    after `step`, `epoch` and the like where names have such words, else the first number that differs.
/// 3. Of what is left (names that differ in more), the one that was changed last; then the last in natural
///    order.
/// A checkpoint is a file with the suffix of a format (without the members of shard sets and temporaries), a
/// TensorFlow prefix, or a SavedModel folder. Subfolders are not searched. nullopt when there is none.
/// Errors: not_found, not_a_file (no folder), unreadable.
BALLAST_API std::optional<LatestCheckpoint> latest_checkpoint(const std::filesystem::path& folder);

}  // namespace ballast
