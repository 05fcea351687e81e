// SPDX-License-Identifier: Apache-2.0
// The boundaries of a Discretization that Keras 2 fitted to data: there a summary of the data among the
// weights, in Keras 3 a list in the config. Reads the stored bytes of those summaries; any thread.
#pragma once

#include "ballast/limits.h"
#include "ballast/model.h"
#include "ballast/report.h"

namespace ballast {

/// Computes them as Keras 2 does when it loads the layer, puts them into the model's config, and takes the
/// summaries out of its weights. Nothing changes in a model without such layers. Errors: unsupported where a
/// name does not tell two such layers apart; damaged for a summary that is none; those of reading.
void describe_fitted_bins(Model& model, const Limits& limits, Report& report);

}  // namespace ballast
