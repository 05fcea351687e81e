// SPDX-License-Identifier: Apache-2.0
// Refusing what would load into the wrong variables, see own_layers.h.
#include "dialect/own_layers.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "ballast/error.h"
#include "dialect/tf_graph.h"
#include "model/config.h"
#include "model/paths_walk.h"

namespace ballast {
namespace {

bool has_weights_below(const Model& model, LayerId top) {
    std::vector<LayerId> pending = {top};
    std::vector<bool> seen(model.layers.size());
    while (!pending.empty()) {
        const LayerId id = pending.back();
        pending.pop_back();
        if (seen[id]) continue;
        seen[id] = true;
        if (id != top && !model.layers[id].weights.empty()) return true;
        for (const Edge& edge : model.layers[id].edges)
            pending.push_back(edge.child);
    }
    return false;
}

/// "batch_normalization/gamma": of a layer within, whose attribute this need not be.
bool has_scoped_roles(const Layer& layer) {
    return std::any_of(layer.weights.begin(), layer.weights.end(),
                       [](const Weight& weight) { return weight.role.find('/') != std::string::npos; });
}

/// An object graph lists variables as they were made, the others trained ones first: of two alike nobody
/// would notice.
bool has_doubtful_order(const Model& model, const Layer& layer) {
    if (model.producer.dialect != tf_graph::dialect) return false;
    std::set<std::string> shapes;
    return !std::all_of(layer.weights.begin(), layer.weights.end(), [&](const Weight& weight) {
        return weight.value.empty() || shapes.insert(weight.value.shape().to_string()).second;
    });
}

}  // namespace

bool hides_a_cell(const Layer& layer) {
    return find_role(layer, "recurrent_kernel") && layer.config.find("recurrent_initializer") != nullptr;
}

void require_places(const Model& model, Placing placing, std::string_view target) {
    for (LayerId id = 0; id < model.layers.size(); ++id) {
        const Layer& layer = model.layers[id];
        if (id == model.root || layer.class_name.empty() || weights_known(layer)) continue;
        const bool order = has_doubtful_order(model, layer);
        const bool holds_layers =
            has_scoped_roles(layer) ||
            (placing == Placing::by_order ? has_weights_below(model, id) : hides_a_cell(layer));
        if (!order && !holds_layers) continue;
        throw Error(ErrorCode::ambiguous_mapping,
                    "layer '" + layer.name + "' (" + layer.class_name + ") is the program's own" +
                        (holds_layers ? " and holds layers" : "") + ", and the source does not tell " +
                        (order || placing == Placing::by_order ? "in which order " : "where ") +
                        std::string(target) + " keeps its variables")
            .hint(
                "load the file in the program that knows the class and save it from there, or convert to "
                "safetensors; a file saved by that program settles it: --like FILE with --map NAMES.txt");
    }
}

}  // namespace ballast
