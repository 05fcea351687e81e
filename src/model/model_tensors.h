// SPDX-License-Identifier: Apache-2.0
// The variables of a Model as one flat list, for formats that hold named tensors and no layers.
//
// Pure functions; the results refer to the model, which must outlive them.
#pragma once

#include <string>
#include <vector>

#include "ballast/model.h"

namespace ballast {

/// One variable with a value.
struct ModelTensor {
    const TensorExpr* value = nullptr;
    std::string name;  ///< canonical, unique within the model
    Part part = Part::weight;
    std::string
        layer;  ///< canonical path of its layer; empty for the root's own and for optimizer and loose tensors
    std::string role;
};

/// Every variable that has a value, in model order: layers by id, then the optimizer by ordinal, then loose
/// tensors. Names that collide get "#2", "#3", … in that order.
std::vector<ModelTensor> model_tensors(const Model& model);

/// The values alone, in the same order, to be replaced.
std::vector<TensorExpr*> model_values(Model& model);

/// Makes names unique as Index does: a name met again gets "#2", "#3", …, skipping names that are taken.
void make_unique(std::vector<std::string>& names);

}  // namespace ballast
