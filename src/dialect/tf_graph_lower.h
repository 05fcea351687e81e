// SPDX-License-Identifier: Apache-2.0
// Lowering a model to a TensorFlow checkpoint. Pure functions; one thread.
#pragma once

#include <map>
#include <vector>

#include "ballast/model.h"
#include "ballast/options.h"
#include "ballast/report.h"
#include "container/bundle/write_bundle.h"
#include "container/proto/object_graph.h"
#include "model/order.h"

namespace ballast::tf_graph {

/// What may be written: weights for tf_keras' load_weights(), and the same with a save_counter for
/// tf.train.Checkpoint(model).restore(), which the former does not take.
inline constexpr std::string_view weights_flavor = "weights", checkpoint_flavor = "checkpoint";

/// Adds the model's tensors and their object graph to the bundle; a model without layers goes by names alone,
/// as TensorFlow 1 writes it. Errors: needs_config, ambiguous_mapping.
void lower(const Model& model, const SaveOptions& options, Report& report, bundle::Builder& bundle);

/// The same of a whole model, always along its classes: under the paths that objects_of() gives.
void lower_whole(const Model& model, const SaveOptions& options, Report& report, bundle::Builder& bundle);

/// The objects of a whole model: its layers, also those without variables, and their variables.
struct Objects {
    static constexpr std::uint32_t none = 0xffffffffU;
    proto::ObjectGraph graph;                    ///< node 0 is the model
    std::vector<std::uint32_t> of_layer;         ///< by LayerId: its node, or none
    std::map<std::uint32_t, WeightRef> weights;  ///< what the nodes of variables are
};
/// Errors: ambiguous_mapping.
Objects objects_of(const Model& model);

}  // namespace ballast::tf_graph
