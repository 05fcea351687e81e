// SPDX-License-Identifier: Apache-2.0
// The version of the linked library.
#include "ballast/version.h"

#define BALLAST_TEXT_OF(x) #x
#define BALLAST_TEXT(x) BALLAST_TEXT_OF(x)

namespace ballast {

const char* version() noexcept {
    return BALLAST_TEXT(BALLAST_VERSION_MAJOR) "." BALLAST_TEXT(BALLAST_VERSION_MINOR) "." BALLAST_TEXT(
        BALLAST_VERSION_PATCH);
}

}  // namespace ballast
