// SPDX-License-Identifier: Apache-2.0
// The order of an optimizer's slots follows the order in which a framework trains the weights. Pure function
// on values; any thread.
#pragma once

#include <vector>

#include "ballast/model.h"
#include "ballast/tensor.h"
#include "model/layout.h"

namespace ballast {

/// Puts slots into the order in which the framework trains their weights, each in a place that its kind of
/// slot had before. Where not all weights are known the slots stay as they came. False when one has no
/// counterpart.
bool order_slots(const Model& model, layout::Framework framework, Optimizer& optimizer);

/// Shapes of the weights the framework trains, in its order.
std::vector<Shape> trained_shapes(const Model& model, layout::Framework framework);

}  // namespace ballast
