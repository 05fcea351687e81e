// SPDX-License-Identifier: Apache-2.0
// An optimizer's variables by what they are: what the rules in optimizer_order.cpp share. Pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "model/optimizer_order.h"

namespace ballast::optimizer_parts {

/// `legacy`: slots by their names in tf_keras' legacy optimizers, "" for those that are not among them; "|"
/// parts those that alternate from those that follow. A slot that no variable has is left out (amsgrad's,
/// centered's). `slots`: how many Keras 3 keeps for each weight, one weight after the other, 0 where they
/// hang on the weight's shape; `unless`: options that add others behind.
struct ClassOrder {
    std::string_view name;
    std::string_view legacy;
    std::size_t slots = 0;
    std::array<std::string_view, 2> unless{};
};

/// Null for a class without a rule.
const ClassOrder* order_of(std::string_view class_name);

bool is_scalar(const OptimizerVariable& variable);
bool is_scalar_float(const OptimizerVariable& variable);

/// The value of a key of the optimizer's own config; null when there is none.
const Tree& option(const Optimizer& optimizer, std::string_view key);

/// No state, for this reason.
RestatedOptimizer refused(std::string reason);

/// The last part of "Adam/conv1/kernel/m:0".
std::string_view slot_of(const OptimizerVariable& variable);

/// Of a file (`Adam/iter:0` comes first) or of a TensorFlow checkpoint.
bool is_legacy(const Optimizer& optimizer);

using Variables = std::vector<OptimizerVariable>;

/// All of one slot, in the order of the weights.
Variables with_slot(const Variables& variables, std::string_view slot);

/// An optimizer's variables by what they are; pointers into it.
struct Parts {
    const OptimizerVariable* iteration = nullptr;
    const OptimizerVariable* rate = nullptr;  ///< in TensorFlow checkpoints and in Keras 3's order
    Variables slots;                          ///< of weights, as they came
    std::vector<TensorExpr> others;           ///< beta_1, decay, momentum_cache of legacy optimizers
};
Parts parts_of(const Optimizer& optimizer);

}  // namespace ballast::optimizer_parts
