// SPDX-License-Identifier: Apache-2.0
// The optimizers of Keras 2.0 to 2.3 and of TensorFlow 1's tf.keras, whose variables have numbers for names:
// "Variable_104:0", "training/Adam/m_3:0". Which weight a slot belongs to follows from its place alone, and
// the places from the version that wrote the file.
//
// Pure functions on values; any thread. Source: keras/optimizers.py, engine/training.py and models.py of
// Keras 2.0.0, 2.0.5 to 2.0.9, 2.1.6, 2.2.5 and 2.3.1; judged by real files of 2.0.5 in
// tests/interop/test_historic_optimizer.py.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/model.h"
#include "ballast/tensor.h"

namespace ballast {

struct TrainedWeight {
    std::string name;    ///< canonical
    std::string stored;  ///< as the file calls it: "conv2d_1_1/kernel:0"
    Shape shape;
};

/// Whether the stored names are numbers, or those of a Keras that wrote only such.
bool is_historic(const Optimizer& optimizer, std::string_view keras_version);

/// Gives every variable its slot, under the name tf_keras' legacy optimizers have for it, and its weight.
/// `shapes` are the variables', `weights` in the order of trainable_weights() of tf_keras. Returns why it
/// cannot be told, as the end of a sentence, and then changes nothing; empty when done.
std::string name_historic_slots(Optimizer& optimizer, std::span<const Shape> shapes,
                                std::vector<TrainedWeight> weights, const Producer& producer);

/// Slots that only keep a place: amsgrad's of an Adam without it.
inline constexpr std::string_view unused_slot = "unused";

/// Of an optimizer whose slots have been named: makes it one of tf_keras' legacy ones and returns what those
/// do not have.
std::vector<TensorExpr> as_legacy(Optimizer& optimizer);

}  // namespace ballast
