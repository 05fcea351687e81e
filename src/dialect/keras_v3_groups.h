// SPDX-License-Identifier: Apache-2.0
// Which groups a file of the Keras 3 layout has for a model, and where their variables come from.
//
// Pure functions; any thread.
#pragma once

#include <vector>

#include "ballast/model.h"
#include "model/layout.h"
#include "model/paths.h"

namespace ballast::keras_v3 {

/// The groups, in the order in which they are written. By stored keys where the model came from a file of
/// this flavour; else by classes; else from the other flavour's keys, where those say enough. Without any of
/// these the classes are guessed: `guessed` then takes the model whose layers the groups speak of. Throws
/// needs_config, or ambiguous_mapping for subclassed models of the other flavour.
std::vector<V3Group> groups_for(const Model& model, layout::Framework flavor, Model& guessed);

}  // namespace ballast::keras_v3
