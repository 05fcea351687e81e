// SPDX-License-Identifier: Apache-2.0
// The version of the headers; meson.build reads its numbers from here.
#pragma once

#include "ballast/export.h"

/// Of these headers; version() tells the library's.
///@{
#define BALLAST_VERSION_MAJOR 0
#define BALLAST_VERSION_MINOR 1
#define BALLAST_VERSION_PATCH 0
///@}

namespace ballast {

/// The version of the linked library as "major.minor.patch". The string is static.
BALLAST_API const char* version() noexcept;

}  // namespace ballast
