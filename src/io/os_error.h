// SPDX-License-Identifier: Apache-2.0
// System errors (errno) as Ballast errors. Pure functions; any thread may call them.
#pragma once

#include <cstdint>
#include <string_view>

#include "ballast/error.h"

namespace ballast::io {

/// What was being done; it decides which code an errno becomes.
enum class Action : std::uint8_t { open, list, read, create, write, sync, close, rename, remove, set_mode };

/// "cannot rename: Permission denied (errno 13)" with the code callers act on, path set.
Error os_error(Action action, int error_number, std::string_view path);

/// True for the errors that mean "no more room": ENOSPC, EDQUOT, EFBIG.
bool is_no_space(int error_number) noexcept;

}  // namespace ballast::io
