// SPDX-License-Identifier: Apache-2.0
// A program's weights in the model that a config describes. Pure functions.
#pragma once

#include "ballast/model.h"
#include "ballast/report.h"
#include "ballast/tree.h"

namespace ballast {

/// The config's model with the program's values: each layer by the path at which Keras 3 stores it. Errors:
/// damaged for what is no config; ambiguous_mapping or shape_mismatch where the two are different models.
Model with_architecture(Model program, Tree config, Report& report);

}  // namespace ballast
