// SPDX-License-Identifier: Apache-2.0
// What layers of the program's own classes hold is in no config: a model made from one gets the places that
// a model with weights has. Changes the target, which keeps no reference to the source; any thread, one
// target each.
#pragma once

#include <map>
#include <string>

#include "ballast/model.h"

namespace ballast {

/// Weights without values and layers within, for each layer of `target` whose class is not built into Keras.
/// `before` leads from the target's canonical paths to the source's, where they differ.
void take_own_places(const Model& source, Model& target,
                     const std::map<std::string, std::string>& before = {});

}  // namespace ballast
