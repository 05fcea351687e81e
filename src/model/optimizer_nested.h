// SPDX-License-Identifier: Apache-2.0
// LossScaleOptimizer: an optimizer around another, whose variables lie among its own and once more in
// `inner_optimizer`. tf_keras stores the inner ones alone, Keras 3 its own four in front of them.
//
// Pure functions on values; any thread. Source: Keras 3.15.1 and tf_keras 2.21.0,
// tests/interop/test_optimizer.py.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ballast/model.h"

namespace ballast {

/// A variable with a value of our own.
OptimizerVariable constant(float value);
OptimizerVariable constant(std::int32_t value);
OptimizerVariable constant(std::int64_t value);

/// What an optimizer keeps for a weight before it trains it.
OptimizerVariable zeros(const Shape& shape);

/// Whether a variable of a TensorFlow checkpoint lies beside an optimizer's list: its learning rate, the one
/// that a schedule has come to, the state of loss scaling.
bool is_beside(const OptimizerVariable& variable);

/// Whether the variables of an optimizer within this one are among them.
bool is_nested(const Optimizer& optimizer);

struct LossScaled {
    Optimizer inner;
    std::vector<TensorExpr> copies;  ///< the inner one's variables a second time
    std::vector<TensorExpr> own;     ///< the outer one's
    std::string reason;              ///< why it cannot be taken apart; else empty
};
LossScaled unwrapped(const Optimizer& optimizer);

/// Puts the variables of an inner optimizer into those of a LossScaleOptimizer, twice, with their keys in the
/// groups of a .weights.h5. Keras 3 begins to look for a larger scale at `initial_scale`.
void wrap(Optimizer& inner, bool keras3, std::optional<double> initial_scale);

/// A LossScaleOptimizer whose variables are listed once, as an .h5 and a checkpoint do, with the keys of a
/// .weights.h5, which has the inner one's twice. What lies beside the list is left out.
Optimizer nested(Optimizer optimizer);

/// The inner optimizer of one that wrap() or unwrapped() has been given to, as checkpoints of tf_keras have
/// it: there the one delegates to the other.
Optimizer without_copies(Optimizer optimizer);

}  // namespace ballast
