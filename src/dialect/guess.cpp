// SPDX-License-Identifier: Apache-2.0
// The narrow rules that find layer classes from names and shapes, see guess.h.
#include "dialect/guess.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "ballast/error.h"
#include "dialect/keras_v3.h"
#include "dialect/keras_v3_tree.h"
#include "model/layout.h"
#include "model/paths.h"

namespace ballast {
namespace {

using layout::Framework;
using layout::Variant;

std::string_view last_part(std::string_view role) {
    return role.substr(role.rfind('/') + 1);
}

/// The class an automatic name stands for; null when there is none, or more than one.
const layout::ClassLayout* class_of_name(std::string_view name) {
    const auto classes = layout::classes_with_key(keras_v3::unnumbered(name));
    return classes.size() == 1 ? classes.front() : nullptr;
}

/// The class's variant that fits the weights; null when none or several do.
const Variant* fitting_variant(const layout::ClassLayout& known, const Layer& layer) {
    std::vector<layout::NamedShape> weights;
    for (const Weight& weight : layer.weights) {
        weights.push_back({last_part(weight.role), weight.value.shape().dims()});
    }
    const Variant* found = nullptr;
    for (const layout::Candidate& candidate : layout::candidates_for(weights, Framework::tf_keras)) {
        if (candidate.layout != &known) continue;
        if (found) return nullptr;
        found = candidate.variant;
    }
    return found;
}

/// Builds the guessed model layer by layer.
class Guess {
public:
    Guess(const Model& model, Framework flavor) : flavor_(flavor) {
        result_.layers.emplace_back(model.layers[model.root]);
        result_.layers[0].edges.clear();
        for (std::size_t i = 0; i < result_.layers[0].weights.size(); ++i) {
            result_.layers[0].weights[i].stored_key = std::to_string(i);
        }
        result_.producer = model.producer;
        result_.producer.dialect = keras_v3::dialect;
        result_.producer.flavor = flavor == Framework::keras3 ? "keras3" : "tf_keras";
    }

    /// False when the layer's class cannot be told.
    bool add(const Layer& layer) {
        const layout::ClassLayout* known = class_of_name(layer.name);
        if (!known) return layer.weights.empty() && layer.edges.empty();
        const std::string path = std::string(keras_v3::layers_group) + "/" + counter_.next(known->key);
        if (layer.weights.empty()) return true;  // it only takes a number
        const Variant* variant = fitting_variant(*known, layer);
        if (!variant || !layer.edges.empty()) return false;
        std::vector<Place> places;
        const LayerId id = add_layer(*known, *variant, path, places);
        result_.layers[0].edges.push_back({Edge::Kind::container, "", id});
        result_.layers[id].name = layer.name;
        std::stable_partition(places.begin(), places.end(),
                              [](const Place& place) { return place.trainable; });
        if (places.size() != layer.weights.size()) return false;
        for (std::size_t i = 0; i < places.size(); ++i) {
            Weight& weight = result_.layers[places[i].layer].weights[places[i].weight];
            weight.value = layer.weights[i].value;
            weight.aliases = layer.weights[i].aliases;
        }
        return true;
    }

    Model take() { return std::move(result_); }

private:
    struct Place {
        LayerId layer;
        std::size_t weight;
        bool trainable;
    };

    LayerId add_layer(const layout::ClassLayout& known, const Variant& variant, const std::string& path,
                      std::vector<Place>& places) {
        const auto id = static_cast<LayerId>(result_.layers.size());
        result_.layers.emplace_back();
        result_.layers[id].class_name = known.name;
        result_.layers[id].stored_key = path;
        for (std::size_t i = 0; i < variant.weights.size(); ++i) {
            const layout::OwnWeight& own = variant.weights[i];
            Weight weight;
            weight.role = own.role;
            weight.stored_key = own.key.empty() ? std::to_string(i) : std::string(own.key);
            weight.trainable = own.trainable;
            result_.layers[id].weights.push_back(std::move(weight));
            places.push_back({id, i, own.trainable});
        }
        for (const std::uint8_t index :
             layout::child_order(variant, layout::Order::legacy, Framework::tf_keras)) {
            const layout::Child& child = variant.children[index];
            if (!child.fixed_class || !child.fixed_variant) continue;
            const std::string child_path = path + "/" + std::string(child.path(flavor_));
            const LayerId sub = add_layer(*child.fixed_class, *child.fixed_variant, child_path, places);
            result_.layers[id].edges.push_back({Edge::Kind::attribute, std::string(child.attribute), sub});
        }
        return id;
    }

    Framework flavor_;
    Model result_;
    KeyCounter counter_;
};

}  // namespace

bool has_classes(const Model& model) {
    return model.has_layers() && model.layers[model.root].config.is_object();
}

Model guess_classes(const Model& model, Framework flavor) {
    Guess guess(model, flavor);
    std::string unclear;
    std::size_t count = 0;
    for (const Edge& edge : model.layers[model.root].edges) {
        const Layer& layer = model.layers[edge.child];
        if (guess.add(layer)) continue;
        if (++count <= 3) unclear += (count == 1 ? "'" : ", '") + layer.name + "'";
    }
    if (count > 0) {
        throw Error(ErrorCode::needs_config,
                    "the class of " + std::to_string(count) + (count == 1 ? " layer" : " layers") +
                        " cannot be told from names and shapes alone: " + unclear + (count > 3 ? ", …" : ""))
            .hint(
                "give the architecture: --config MODEL.json (written by model.to_json()), or a whole-model "
                ".h5 or .keras");
    }
    return guess.take();
}

}  // namespace ballast
