// SPDX-License-Identifier: Apache-2.0
// The two halves of the format sharded_h5.
#pragma once

#include <memory>

#include "ballast/archive.h"
#include "ballast/format.h"

namespace ballast::sharded_h5 {

/// Opens the set a manifest names. Errors: not_found for a shard that is not there, and as of the HDF5
/// reader.
ArchiveContents open_set(Probe& probe);

/// New shards under names nobody uses, the manifest as the commit, and what is to be removed of an old set.
WritePlan plan_set(const Model& model, const Target& target, const SaveOptions& options, Report& report);

}  // namespace ballast::sharded_h5
