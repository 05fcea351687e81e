// SPDX-License-Identifier: Apache-2.0
// pack() and unpack(): the two forms of a .keras model, a zip archive and a folder, made of one another.
//
// Every part keeps its bytes: nothing is converted. The new file or folder appears in one step; what was
// there before stays until then. One operation runs on the calling thread and its own workers.
#pragma once

#include <filesystem>

#include "ballast/export.h"
#include "ballast/options.h"

namespace ballast {

/// Of pack() and unpack().
struct PackageOptions {
    Limits limits;         ///< for reading the model and its archive
    WriteOptions write;    ///< overwriting, threads, callbacks
    bool dry_run = false;  ///< do everything but write
};

/// Writes the parts of the model in `folder` into a new archive, stored, as Keras does. What else lies in the
/// folder is an error. Errors: unsupported (no folder of a .keras model, files that are no part of one),
/// symlink_refused, exists, and as of open() and writing.
BALLAST_API void pack(const std::filesystem::path& folder, const std::filesystem::path& file,
                      const PackageOptions& options = {});

/// Writes the parts of a .keras file into a new folder. Checksums are verified on the way. Errors:
/// unsupported (no archive of a model), unsafe_name, exists, not_atomic (a folder can be replaced only where
/// the file system exchanges two in one step), and as of open() and writing.
BALLAST_API void unpack(const std::filesystem::path& file, const std::filesystem::path& folder,
                        const PackageOptions& options = {});

}  // namespace ballast
