// SPDX-License-Identifier: Apache-2.0
// --with-libhdf5: reads HDF5 files that the user trusts with the HDF5 C library, for what our own reader
// refuses. The library is in a module of its own that is loaded when the first such file is opened, and
// stays.
#pragma once

#include <filesystem>

#include "arguments.h"
#include "ballast/ballast.h"

namespace ballast::tool {

/// For a command that reads; it opens its sources with source_of().
void add_libhdf5_option(Arguments command);

/// Location::for_reading(); with --with-libhdf5 an HDF5 file is what the C library reads of it, and all else
/// as ever. Errors: backend_missing where the module is not installed.
Location source_of(const std::filesystem::path& path);

}  // namespace ballast::tool
