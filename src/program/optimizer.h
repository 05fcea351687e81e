// SPDX-License-Identifier: Apache-2.0
// The state of a program's optimizer and that of a model: which slot is which variable, whatever framework
// the state is of. Functions on values, which read single numbers; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "ballast/model.h"
#include "ballast/program_weights.h"

namespace ballast {

using ProgramPlaces = std::vector<ProgramModel::Place>;

/// The stored tensor that a value is, as it is or with its axes in another order; null otherwise.
const TensorInfo* origin_of(const TensorExpr& value) noexcept;

/// One slot with the graph of its tensors, place by place those of the model.
struct SlotView {
    std::string_view name;
    ProgramPlaces places;
    Model model;
};

/// Errors: shape_mismatch for a slot that is not described as the model is.
std::vector<SlotView> slot_views(const ProgramOptimizer& optimizer, const ProgramPlaces& model_places);

/// Gives `model`, whose config is that of a compiled model and whose weights are `program`'s, the optimizer's
/// state, in Keras 3's order. `keras3`: that it is written for; else the config's learning rate becomes the
/// optimizer's, and state that tf_keras cannot have is unsupported. Errors: see save_model().
void add_optimizer(Model& model, const Model& program, const ProgramPlaces& places,
                   const ProgramOptimizer& optimizer, bool keras3);

/// Where the parts of a file's optimizer state are.
struct StateLayout {
    TensorExpr iteration;
    std::optional<TensorExpr> learning_rate;
    std::vector<TensorExpr> slots;    ///< those of a weight follow one another
    std::vector<TensorExpr> trained;  ///< the weights, in the order of their slots
};

/// Errors: unsupported for state that no rule brings to Keras 3's order, shape_mismatch for another number of
/// slots.
StateLayout state_layout(const Model& model, std::size_t slots);

/// A number in a file, whatever its type.
double read_number(const TensorExpr& value);
std::int64_t read_count(const TensorExpr& value);

}  // namespace ballast
