// SPDX-License-Identifier: Apache-2.0
// Lowering a model to a TensorFlow checkpoint. Pure functions; one thread.
#pragma once

#include "ballast/model.h"
#include "ballast/options.h"
#include "ballast/report.h"
#include "container/bundle/write_bundle.h"

namespace ballast::tf_graph {

/// What may be written: weights for tf_keras' load_weights(), and the same with a save_counter for
/// tf.train.Checkpoint(model).restore(), which the former does not take.
inline constexpr std::string_view weights_flavor = "weights", checkpoint_flavor = "checkpoint";

/// Adds the model's tensors and their object graph to the bundle; a model without layers goes by names alone,
/// as TensorFlow 1 writes it. Errors: needs_config, ambiguous_mapping.
void lower(const Model& model, const SaveOptions& options, Report& report, bundle::Builder& bundle);

}  // namespace ballast::tf_graph
