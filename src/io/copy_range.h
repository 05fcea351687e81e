// SPDX-License-Identifier: Apache-2.0
// Copying between files inside the kernel.
#pragma once

#include <cstdint>

#include "ballast/io.h"

namespace ballast::io {

/// Copies [offset, offset + length) of the source to `target` in the file without the bytes passing through
/// the process. Returns how many were copied before the kernel declined: 0 where either side has no
/// descriptor or the file systems do not go together; the rest is for read_at and write_at, which also report
/// what is wrong. Errors: no_space, truncated.
std::uint64_t kernel_copy(const Source& source, std::uint64_t offset, File& file, std::uint64_t target,
                          std::uint64_t length);

}  // namespace ballast::io
