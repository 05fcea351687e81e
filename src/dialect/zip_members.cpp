// SPDX-License-Identifier: Apache-2.0
// What the formats on top of zip share, see zip_members.h.
#include "dialect/zip_members.h"

namespace ballast {

std::shared_ptr<const zip::Directory> zip_directory(Probe& probe) {
    return probe.shared<zip::Directory>(
        [&] { return zip::read_directory(*probe.source(), probe.options().limits); });
}

}  // namespace ballast
