// SPDX-License-Identifier: Apache-2.0
// A program's layers as a legacy .h5 lists them, see legacy_view.h.
#include "program/legacy_view.h"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "dialect/keras_legacy.h"
#include "model/naming.h"

namespace ballast {
namespace {

class Flattening {
public:
    Flattening(const Model& model, bool keras3) : model_(model), suffix_(keras3 ? "" : ":0") {}

    Model run(bool keras3) {
        result_.layers.resize(1);
        const Layer& root = model_.layers[model_.root];
        result_.layers[0].name = root.name;
        result_.layers[0].class_name = root.class_name;
        for (const Weight& weight : root.weights)
            result_.layers[0].weights.push_back(named(weight, weight.role));
        std::unordered_set<LayerId> listed;
        for (const Edge& edge : root.edges)
            if (listed.insert(edge.child).second) add(edge.child);
        result_.producer.dialect = keras_legacy::dialect;
        result_.producer.flavor = keras3 ? "keras3" : "tf_keras";
        return std::move(result_);
    }

private:
    struct Found {
        Weight weight;
        bool trainable = true;
    };

    Weight named(Weight weight, const std::string& name) const {
        weight.stored_key = name + suffix_;
        return weight;
    }

    void add(LayerId id) {
        std::vector<Found> found;
        std::unordered_set<LayerId> seen;
        gather(id, escape_component(model_.layers[id].name), true, found, seen);
        std::stable_partition(found.begin(), found.end(), [](const Found& entry) { return entry.trainable; });
        Layer layer;
        layer.name = layer.stored_key = model_.layers[id].name;
        layer.class_name = model_.layers[id].class_name;
        for (Found& entry : found)
            layer.weights.push_back(std::move(entry.weight));
        result_.layers[0].edges.push_back(
            {Edge::Kind::container, {}, static_cast<LayerId>(result_.layers.size())});
        result_.layers.push_back(std::move(layer));
    }

    /// As deep as the program's types nest.
    void gather(LayerId id, const std::string& scope, bool trainable, std::vector<Found>& found,
                std::unordered_set<LayerId>& seen) const {
        if (!seen.insert(id).second) return;
        const Layer& layer = model_.layers[id];
        trainable = trainable && layer.trainable;
        for (const Weight& weight : layer.weights)
            found.push_back({named(weight, scope + "/" + weight.role), trainable && weight.trainable});
        for (const Edge& edge : layer.edges)
            gather(edge.child, scope + "/" + escape_component(model_.layers[edge.child].name), trainable,
                   found, seen);
    }

    const Model& model_;
    std::string suffix_;
    Model result_;
};

}  // namespace

Model legacy_view(const Model& model, bool keras3) {
    return Flattening(model, keras3).run(keras3);
}

}  // namespace ballast
