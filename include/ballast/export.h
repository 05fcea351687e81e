// SPDX-License-Identifier: Apache-2.0
// Symbol visibility of the public API: everything else in the library is hidden.
#pragma once

/// @def BALLAST_API
/// Marks what the shared library exports. Programs define BALLAST_STATIC to link the static library, which
/// matters on Windows; BALLAST_BUILDING is for Ballast's own build.

#if defined(BALLAST_STATIC)
#define BALLAST_API
#elif defined(_WIN32)
#if defined(BALLAST_BUILDING)
#define BALLAST_API __declspec(dllexport)
#else
#define BALLAST_API __declspec(dllimport)
#endif
#else
#define BALLAST_API __attribute__((visibility("default")))
#endif
