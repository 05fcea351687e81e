// SPDX-License-Identifier: Apache-2.0
// The superblock, versions 0 to 3, and its extension.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ballast/io.h"
#include "container/hdf5/read_metadata.h"

namespace ballast::hdf5 {

/// File position of the signature: 0, 512, 1024, 2048, … or nullopt.
std::optional<std::uint64_t> find_signature(const io::Source& source);

/// Reads the superblock at `position`, sets metadata.geometry and returns the position of the root group's
/// header. Errors: truncated when the file is shorter than it says; unsupported for files that are several
/// files.
std::uint64_t parse_superblock(Metadata& metadata, std::uint64_t position,
                               std::vector<std::string>& warnings);

}  // namespace ballast::hdf5
