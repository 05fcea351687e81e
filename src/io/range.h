// SPDX-License-Identifier: Apache-2.0
// The one check of a read's bounds.
#pragma once

#include <cstdint>

#include "ballast/io.h"

namespace ballast::io {

/// Throws truncated (path and offset set) unless [offset, offset + length) lies in the source. Overflow-safe.
void check_range(const Source& source, std::uint64_t offset, std::uint64_t length);

}  // namespace ballast::io
