// SPDX-License-Identifier: Apache-2.0
// Checkpoints without an object graph (TensorFlow 1): tensors by name; and tensors that belong to no layer.
#pragma once

#include "ballast/archive.h"
#include "container/bundle/bundle.h"
#include "dialect/lifting.h"

namespace ballast::tf_graph {

/// Loose tensors; those whose names say that they are slots of others are optimizer state.
ArchiveContents lift_names(const bundle::Bundle& bundle);

/// Adds a tensor outside of the layers, under its stored name; text becomes an asset.
void keep_loose(Lifting& lifting, const bundle::Bundle& bundle, const bundle::Entry& entry, Part part);

}  // namespace ballast::tf_graph
