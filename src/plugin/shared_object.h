// SPDX-License-Identifier: Apache-2.0
// Loading a plugin's shared object. Running somebody's code is asked for, and only from places that other
// users cannot change.
#pragma once

#include <filesystem>
#include <vector>

#include "ballast/plugin_abi.h"

namespace ballast::plugin {

/// The file's absolute path; throws not_found, not_a_file, or unsafe_name when somebody other than its owner
/// (who must be this user or root) may write to it or its folder.
std::filesystem::path checked_path(const std::filesystem::path& file);
/// Loads it for the rest of the program and gives what it says of itself. Throws unreadable with the system's
/// words, or unsupported when it is no plugin.
const ballast_plugin& load_shared_object(const std::filesystem::path& path);
/// The shared objects in a folder, by name.
std::vector<std::filesystem::path> shared_objects(const std::filesystem::path& folder);

}  // namespace ballast::plugin
