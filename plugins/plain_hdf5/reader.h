// SPDX-License-Identifier: Apache-2.0
// An HDF5 file of no Keras dialect as loose tensors. Pure functions; any thread.
#pragma once

#include "ballast/archive.h"
#include "ballast/limits.h"
#include "container/hdf5/read.h"

namespace ballast::plain_hdf5 {

/// Datasets as tensors under their paths, text as blobs and metadata, attributes and links as metadata. What
/// is neither becomes a problem. `format` is left to the caller.
ArchiveContents lift(const hdf5::File& file, const Limits& limits);

}  // namespace ballast::plain_hdf5
