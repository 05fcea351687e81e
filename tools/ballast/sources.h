// SPDX-License-Identifier: Apache-2.0
// Finding the models that a command's words mean: files, folders, prefixes, globs.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ballast/format.h"

namespace ballast::tool {

struct FoundSource {
    std::filesystem::path path;  ///< what open() takes
    std::filesystem::path
        relative;  ///< to the folder that was searched; of a word that is no folder its last part
};

enum class Search : std::uint8_t {
    models,  ///< in folders: what has the name of a model or a checkpoint
    files,   ///< in folders: every file, and models that are folders
};

/// The sources in the order of the words, those of a folder and of its subfolders by name. A SavedModel and
/// an unpacked .keras are one source, as are a TensorFlow prefix and the files of a shard set. Hidden files
/// and folders are left out, links not followed. A word that names nothing stays, for opening it says so.
/// Errors: unreadable, name_not_found for a glob without match.
std::vector<FoundSource> find_sources(const std::vector<std::string>& words, Search search);

/// A source's file name with the suffix of `format` for its own.
std::string name_with_suffix(const std::filesystem::path& name, const FormatInfo& format);

}  // namespace ballast::tool
