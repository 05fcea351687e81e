// SPDX-License-Identifier: Apache-2.0
// Decompressing a block of a table, where the build has Snappy. A pure function.
#pragma once

#include <cstdint>
#include <string>

namespace ballast::table {

/// At most `most` bytes. Errors (without path and offset): damaged, limit_exceeded for a length the stored
/// bytes cannot stand for, backend_missing in a build without Snappy.
std::string decompressed(const std::string& stored, std::uint64_t most);

}  // namespace ballast::table
