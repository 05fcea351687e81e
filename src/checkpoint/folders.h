// SPDX-License-Identifier: Apache-2.0
// Making the folders that checkpoints go to.
#pragma once

#include <filesystem>

#include "ballast/error.h"

namespace ballast {

/// The folder and those above it; an empty path is the current one. write_failed when that is not possible.
inline void make_folders(const std::filesystem::path& folder) {
    if (folder.empty()) return;
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error)
        throw Error(ErrorCode::write_failed, "the folder cannot be made: " + error.message())
            .in(folder.string());
}

}  // namespace ballast
