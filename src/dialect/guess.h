// SPDX-License-Identifier: Apache-2.0
// Classes of layers: whether a model has them, and the narrow rules that find them from names and shapes.
//
// Source of the rules: spec/keras-hdf5.md §5.1. A guess that could be wrong is refused, never taken. Pure
// functions.
#pragma once

#include "ballast/model.h"
#include "model/layout.h"

namespace ballast {

/// True when the layers came from a config, so that classes, roles and order are known.
bool has_classes(const Model& model);

/// A legacy model without config as a model of the Keras 3 layout with this flavour's stored keys. Every
/// layer must bear the automatic name of one built-in class whose weights fit in names and shapes. Throws
/// needs_config listing the layers that do not.
Model guess_classes(const Model& model, layout::Framework flavor);

}  // namespace ballast
