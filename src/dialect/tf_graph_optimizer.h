// SPDX-License-Identifier: Apache-2.0
// Lowering optimizer state to an object graph. One thread.
#pragma once

#include "ballast/model.h"
#include "ballast/options.h"
#include "ballast/report.h"
#include "dialect/tf_graph_build.h"

namespace ballast::tf_graph {

/// Adds the optimizer of `model` as tf_keras keeps it, or reports why it stays behind. `layers` is the model
/// whose weights have the nodes: `model`, or one guessed from it. `as_stored`: it goes back as it came out of
/// a checkpoint.
void write_optimizer(const Model& layers, const Model& model, bool as_stored, const SaveOptions& options,
                     const VariableNodes& nodes, GraphBuilder& graph, Report& report);

}  // namespace ballast::tf_graph
