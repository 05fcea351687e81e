// SPDX-License-Identifier: Apache-2.0
// LocalFs::Place, shared by the two source files of LocalFs.
#pragma once

#include <string>

#include "io/descriptor.h"
#include "io/local_fs.h"

namespace ballast::io {

/// `at` is the root's descriptor or that of `folder`; valid as long as this and the LocalFs live.
struct LocalFs::Place {
    Descriptor folder;
    int at = -1;
    std::string leaf;
};

}  // namespace ballast::io
