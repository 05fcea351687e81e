// SPDX-License-Identifier: Apache-2.0
// A file descriptor as the source or target of everything that takes a Location: files without a name
// (memfd_create, O_TMPFILE), files that another process opened.
#pragma once

#include <string_view>

#include "ballast/export.h"
#include "ballast/io.h"

namespace ballast {

/// The regular file open at `fd`, from its first byte on; the descriptor's own position is neither used nor
/// moved. `name` is for messages, and its suffix tells the format to write ("net.weights.h5").
///
/// Who owns what: the descriptor stays the caller's and may be closed once this returns, for the Location
/// holds a duplicate. Reading: the file must not change while anything read from it is used. Writing: formats
/// of one file, into a file that is empty (exists or not_atomic otherwise: truncate it before). There is no
/// name whose replacement could publish the result, hence no atomicity: who looks at the file meanwhile sees
/// half of it, and so does whoever comes after a crash. After an error it is empty again.
///
/// Errors: not_a_file for pipes, sockets, devices and folders, invalid_argument for what is no descriptor and
/// for one that appends (O_APPEND), unreadable. Later, when it is used: unreadable or write_failed for a
/// descriptor that was not opened for that, unsupported for formats of several files.
BALLAST_API Location fd_location(int fd, std::string_view name);

}  // namespace ballast
