// SPDX-License-Identifier: Apache-2.0
// The steps of lifting an object graph; each fills a Lifting. One thread.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "ballast/options.h"
#include "dialect/lifting.h"
#include "dialect/tf_graph_view.h"
#include "model/order.h"

namespace ballast::tf_graph {

/// What the steps tell each other.
struct LiftState {
    const GraphView& view;
    Lifting& lifting;
    /// By node: the weight its value became; layer no_layer where it became none.
    std::vector<WeightRef> weight_of;
    std::vector<bool> used;  ///< by node: its value has a place in the model

    static constexpr LayerId no_layer = 0xffffffffU;
    explicit LiftState(const GraphView& graph, Lifting& target)
        : view(graph), lifting(target), weight_of(graph.size(), WeightRef{no_layer, 0}), used(graph.size()) {}
    /// The node's tensor under the name it has in the file, less the suffix all of them have.
    TensorInfo tensor(NodeId node) const;
};

/// Layers from the graph alone.
void lift_by_edges(LiftState& state);
/// Layers from a config; the graph is followed along it. Errors: ambiguous_mapping where they do not fit.
void lift_by_config(LiftState& state, const OpenOptions& options);
/// The optimizer's variables, of either style.
void lift_optimizer(LiftState& state);

/// The key less "/.ATTRIBUTES/VARIABLE_VALUE".
std::string stored_name(std::string_view key);
/// Makes a stored name of the key itself.
void trim_key(std::string& key);

}  // namespace ballast::tf_graph
