// SPDX-License-Identifier: Apache-2.0
// Single tensors as .npy files of numpy. docs/formats/npy.md says which types they can hold.
#pragma once

#include <filesystem>
#include <string>

#include "ballast/export.h"
#include "ballast/io.h"
#include "ballast/limits.h"
#include "ballast/model.h"
#include "ballast/options.h"

namespace ballast {

/// The array in a .npy file as a value named `name`; its elements are read when it is used. Arrays in Fortran
/// order are transposed then. Errors: as of opening a file, damaged, truncated, limit_exceeded, unsupported.
BALLAST_API TensorExpr read_npy(const Location& location, std::string name, const Limits& limits = {});
/// The same for a local path.
BALLAST_API TensorExpr read_npy(const std::filesystem::path& path, std::string name,
                                const Limits& limits = {});

/// Writes a value as .npy, atomically. Errors: unsupported_dtype, and as of saving.
BALLAST_API void write_npy(const TensorExpr& value, const Location& destination,
                           const WriteOptions& options = {});

}  // namespace ballast
