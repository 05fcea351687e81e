// SPDX-License-Identifier: Apache-2.0
// A program's layers as a legacy .h5 lists them: one list, each layer with all the weights below it.
#pragma once

#include "ballast/model.h"

namespace ballast {

/// The model with the keys of the legacy dialect: layers in the program's order, of each the trainable
/// weights first. A copy; the values are shared.
Model legacy_view(const Model& model, bool keras3);

}  // namespace ballast
