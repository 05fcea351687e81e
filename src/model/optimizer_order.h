// SPDX-License-Identifier: Apache-2.0
// Optimizer state in the order of another framework. Pure functions; any thread.
//
// The order of an optimizer's variables is the only thing that says what they are: neither framework stores
// slots by name in a .weights.h5. tf_keras and Keras 3 agree but for the learning rate, a variable of Keras 3
// behind the iteration (none with a schedule), and for what the table in optimizer_order.cpp says. The
// optimizers of tf_keras before 2.11 ("legacy" ones) keep all of one slot together. Source: the optimizers of
// Keras 3.15.1 and tf_keras 2.21.0, and tests/interop/test_optimizer.py.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/model.h"

namespace ballast {

/// An optimizer's class without its package: "Custom>Adam" is Adam.
std::string plain_class(std::string_view name);

/// How many slots Keras 3 keeps for each weight, one weight after the other. `optimizer` is its node in a
/// config. Nothing where no rule is known: for other classes, and for options that add slots behind.
std::optional<std::size_t> slots_of_weight(const Tree& optimizer);

/// The variable that Keras 3 keeps behind the slots, made of the iteration, which comes first: Nadam has one.
std::optional<OptimizerVariable> behind_slots(const Optimizer& optimizer);

struct RestatedOptimizer {
    std::optional<Optimizer>
        state;           ///< its variables have neither keys nor slots: their place is what they are
    std::string reason;  ///< why there is no state, as the end of a sentence for the report
    std::vector<TensorExpr> unused;  ///< variables that the other framework does not have
    std::vector<TensorExpr> read;    ///< variables that `state` has as numbers, read out of the file
    std::vector<std::string> notes;  ///< what will not go on exactly as before
};

/// The model's optimizer, which it must have. `flavor` is "keras3" or "tf_keras" (whose new optimizers are
/// meant). Slots whose weights are known come in the order in which `flavor` trains the model's weights.
/// Reads the iteration where a variable of Keras 3 is made of it; errors as of evaluate().
RestatedOptimizer restate_optimizer(const Model& model, std::string_view flavor);

/// A legacy optimizer of tf_keras out of a TensorFlow checkpoint, whose slots come weight by weight, in the
/// order of its get_weights(): all of one slot together. Slots keep their names; the iteration comes first.
RestatedOptimizer group_legacy(const Optimizer& optimizer);

}  // namespace ballast
