// SPDX-License-Identifier: Apache-2.0
// Planning a zip archive of stored members (docs/formats/zip.md). The same members give the same bytes: dates
// are 1980-01-01. zip64 is used where a number needs it, and only there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ballast/plan.h"

namespace ballast::zip {

struct NewMember {
    std::string name;  ///< UTF-8, not empty, without NUL, at most 65,535 bytes, unique
    std::uint64_t size = 0;
    /// Of the member alone, by offset; bytes between them are zeros. No encoded chunks: sizes are known.
    std::vector<Piece> pieces;
    /// The member's first byte lies at a multiple of this in the file: a power of two up to 4096.
    std::uint64_t alignment = 1;
};

/// One file, which is the commit. Checksums go in by the plan's hooks when the data have been written.
/// Errors: invalid_argument for names and sizes the format does not hold.
WritePlan plan_archive(std::string file_name, std::vector<NewMember> members);

}  // namespace ballast::zip
