// SPDX-License-Identifier: Apache-2.0
// Metrics of models with several outputs, as tf_keras' whole files hold them. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "ballast/tree.h"

namespace ballast {

/// The layers whose outputs are the model's, in order; empty where they are no plain list.
std::vector<std::string> output_names(const Tree& model_config);

/// Metrics as compile() takes them (one, a list for every output, a list or a dictionary of lists), one list
/// an output, each metric named "OUTPUT_NAME": a loader takes the names as they are. Unchanged for one
/// output.
Tree metrics_by_output(const Tree& metrics, const std::vector<std::string>& outputs);

}  // namespace ballast
