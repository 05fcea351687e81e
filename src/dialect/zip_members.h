// SPDX-License-Identifier: Apache-2.0
// What the formats on top of zip share: the parsed directory of a probe.
#pragma once

#include <memory>

#include "ballast/format.h"
#include "container/zip/zip.h"

namespace ballast {

/// The directory of the probe's file, which must be there; read once. Damage is thrown as the reader found
/// it.
std::shared_ptr<const zip::Directory> zip_directory(Probe& probe);

}  // namespace ballast
