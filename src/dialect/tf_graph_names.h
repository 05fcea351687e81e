// SPDX-License-Identifier: Apache-2.0
// Checkpoints without an object graph (TensorFlow 1): tensors by name; and tensors that belong to no layer.
#pragma once

#include "ballast/archive.h"
#include "container/bundle/bundle.h"
#include "dialect/lifting.h"

namespace ballast::tf_graph {

/// Loose tensors; those whose names say that they are slots of others are optimizer state.
ArchiveContents lift_names(const bundle::Bundle& bundle, std::vector<Blob> assets);

/// Adds a tensor outside of the layers, under its stored name unless it has another; text becomes an asset.
void keep_loose(Lifting& lifting, const bundle::Bundle& bundle, const bundle::Entry& entry, Part part,
                std::string_view known_as = {});

}  // namespace ballast::tf_graph
