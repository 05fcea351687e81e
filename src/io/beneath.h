// SPDX-License-Identifier: Apache-2.0
// Opening names below a folder without ever leaving it.
#pragma once

#include <string>

#include "io/descriptor.h"

namespace ballast::io {

/// Opens `name` (already checked by check_name, or "" for the folder itself) below the folder `root`.
/// Symbolic links are followed as long as they stay below it; where the kernel cannot promise that (no
/// openat2), links are not followed at all. O_CLOEXEC is added. Empty with errno on failure: EXDEV when the
/// name leaves the root.
Descriptor open_beneath(int root, const std::string& name, int flags);

/// The same without openat2, for kernels that lack it: walks component by component. Exposed for its test.
Descriptor open_beneath_by_steps(int root, const std::string& name, int flags);

}  // namespace ballast::io
