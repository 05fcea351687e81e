// SPDX-License-Identifier: Apache-2.0
// edit() of a TensorFlow checkpoint: on its entries and its object graph, so that what no edit names stays as
// it is stored. One thread.
#pragma once

#include <span>

#include "ballast/archive.h"
#include "ballast/edit.h"

namespace ballast {

/// Adds to `result`. Errors: as of edit(); unsupported for what we do not write (version 1, graphs with
/// registered savers).
void edit_checkpoint(const Archive& archive, const Location& destination, std::span<const Edit> edits,
                     const EditOptions& options, EditResult& result);

}  // namespace ballast
