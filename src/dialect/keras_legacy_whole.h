// SPDX-License-Identifier: Apache-2.0
// What a whole-model `.h5` holds besides weights, for models that come from any format: its two configs in
// the form the framework's own loader takes, and the optimizer's variables in its order, under names like its
// own.
//
// Pure functions on values; any thread. Judged by both frameworks in tests/interop/test_whole_h5.py.
#pragma once

#include <string>
#include <vector>

#include "ballast/model.h"
#include "ballast/tensor.h"
#include "model/layout.h"

namespace ballast::keras_legacy {

/// The texts of the attributes model_config and training_config; `training` is null for a model that is not
/// compiled.
struct WholeConfigs {
    Tree model, training;
};

/// For a model whose config is one of `framework`. Both frameworks open the nodes of .keras files (`module`,
/// `registered_name`) in an .h5 as well, so they stay as they are.
WholeConfigs whole_configs(const Model& model, layout::Framework framework);

struct WholeOptimizer {
    std::vector<OptimizerVariable> variables;  ///< stored_key is the name to store each under
    std::vector<TensorExpr> copies;            ///< the same variables a second time
    std::vector<TensorExpr> unused;            ///< the framework keeps no such variable in an .h5
    std::vector<std::string> notes;            ///< what will not go on exactly as before
    std::string reason;  ///< why there are no variables, as the end of a sentence; else empty
};

/// The state of the model's optimizer as `framework` lists it, restated when it is the other's. Errors as of
/// restate_optimizer().
WholeOptimizer whole_optimizer(const Model& model, layout::Framework framework);

}  // namespace ballast::keras_legacy
