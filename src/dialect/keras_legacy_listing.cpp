// SPDX-License-Identifier: Apache-2.0
// Layers, order and names of a legacy file, see keras_legacy_listing.h.
#include "dialect/keras_legacy_listing.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "ballast/error.h"
#include "dialect/guess.h"
#include "dialect/keras_legacy.h"
#include "model/config.h"
#include "model/paths_walk.h"

namespace ballast::keras_legacy {
namespace {

using layout::Framework;

/// By layer below (and with) `top`: the names of the layers that lead to it, as the frameworks name variables
/// ("lstm/lstm_cell", "mha/query"). The first path counts.
std::unordered_map<LayerId, std::string> variable_scopes(const Model& model, LayerId top) {
    std::unordered_map<LayerId, std::string> scopes = {{top, model.layers[top].name}};
    std::vector<LayerId> pending = {top};
    while (!pending.empty()) {
        const LayerId id = pending.back();
        pending.pop_back();
        const auto& edges = model.layers[id].edges;
        for (auto edge = edges.rbegin(); edge != edges.rend(); ++edge) {
            if (scopes.contains(edge->child)) continue;
            const std::string& name = model.layers[edge->child].name;
            scopes.emplace(edge->child,
                           scopes.at(id) + "/" + escape_component(name.empty() ? edge->key : name));
            pending.push_back(edge->child);
        }
    }
    return scopes;
}

std::string suffix(Framework framework) {
    return framework == Framework::tf_keras ? ":0" : "";
}

}  // namespace

Listing::Listing(const Model& model, Framework framework, bool own_order)
    : model_(model),
      framework_(framework),
      own_(model.producer.dialect == dialect),
      own_order_(own_ && own_order),
      names_(canonical_names(model)) {}

std::vector<NamedLayer> Listing::layers() const {
    if (has_classes(model_)) return from_classes();
    if (own_) return from_keys();
    throw Error(ErrorCode::needs_config,
                "a legacy .h5 lists the layers in the model's order, which the source does not tell")
        .hint(
            "give the architecture: --config MODEL.json (written by model.to_json()), or a whole-model "
            ".h5 or .keras");
}

NamedLayer Listing::top_level() const {
    NamedLayer result;
    const Layer& root = model_.layers[model_.root];
    for (std::uint32_t i = 0; i < root.weights.size(); ++i) {
        const std::string& key = root.weights[i].stored_key;
        const bool keep = own_ && !key.empty();
        const std::string scope = root.name.empty() ? "" : root.name + "/";
        result.weights.push_back(
            {{model_.root, i}, keep ? key : scope + root.weights[i].role + suffix(framework_)});
    }
    return result;
}

std::vector<NamedLayer> Listing::from_keys() const {
    std::vector<NamedLayer> result;
    for (const Edge& edge : model_.layers[model_.root].edges) {
        const Layer& layer = model_.layers[edge.child];
        NamedLayer named{layer.stored_key, {}};
        for (std::uint32_t i = 0; i < layer.weights.size(); ++i) {
            named.weights.push_back({{edge.child, i}, layer.weights[i].stored_key});
        }
        result.push_back(std::move(named));
    }
    return result;
}

std::vector<NamedLayer> Listing::from_classes() const {
    std::vector<NamedLayer> result;
    for (const LayerId id : legacy_layers(model_, framework_))
        result.push_back(from_class(id));
    return result;
}

/// Stored names are kept; others are made as the framework makes them, or from the canonical name where two
/// layers of one name meet.
NamedLayer Listing::from_class(LayerId top) const {
    const Layer& layer = model_.layers[top];
    NamedLayer named{own_ && !layer.stored_key.empty() ? layer.stored_key : layer.name, {}};
    std::vector<LegacyEntry> entries;
    if (weights_known(layer)) {
        entries = flatten_legacy(model_, top, framework_);
    } else {
        for (std::uint32_t i = 0; i < layer.weights.size(); ++i)
            entries.push_back({{top, i}, {}});
    }
    const auto scopes = variable_scopes(model_, top);
    std::unordered_set<std::string> used;
    for (LegacyEntry& entry : entries) {
        const Weight& weight = model_.layers[entry.weight.layer].weights[entry.weight.weight];
        std::string name = own_ ? weight.stored_key : std::string();
        if (name.empty()) name = scopes.at(entry.weight.layer) + "/" + weight.role + suffix(framework_);
        if (!used.insert(name).second) {
            name = layer.name + "/" + canonical(entry.weight) + suffix(framework_);
            used.insert(name);
        }
        named.weights.push_back({entry.weight, std::move(name), std::move(entry.copies)});
    }
    if (own_order_ && weights_known(layer)) keep_order(named.weights);
    return named;
}

/// As the file had them: tf_keras loads by position, and a config does not keep every flag that decides it.
void Listing::keep_order(std::vector<NamedWeight>& weights) const {
    const auto place = [this](const NamedWeight& named) {
        return model_.layers[named.ref.layer].weights[named.ref.weight].stored_place;
    };
    const bool known = std::all_of(weights.begin(), weights.end(),
                                   [&](const NamedWeight& named) { return place(named) != 0; });
    if (!known) return;
    std::stable_sort(weights.begin(), weights.end(),
                     [&](const NamedWeight& a, const NamedWeight& b) { return place(a) < place(b); });
}

void Listing::check_complete() const {
    if (!has_classes(model_)) return;
    const auto variants = layer_variants(model_, framework_);
    for (LayerId id = 0; id < model_.layers.size(); ++id) {
        if (variants[id] == nullptr) continue;
        const Layer& layer = model_.layers[id];
        for (const layout::OwnWeight& own : variants[id]->weights) {
            if (own.not_in_legacy.has(framework_) || find_role(layer, own.role) ||
                same_variable(model_, id, variants[id], own.role))
                continue;
            throw Error(ErrorCode::ambiguous_mapping,
                        "a legacy .h5 holds a variable '" + std::string(own.role) + "' of layer '" +
                            layer.name + "' (" + layer.class_name + ") that the source does not hold")
                .hint("load the file in the framework that wrote it and save it there as .h5");
        }
    }
}

std::vector<WeightRef> Listing::left_out() const {
    std::vector<WeightRef> found;
    if (!has_classes(model_)) return found;
    const auto variants = layer_variants(model_, framework_);
    for (LayerId id = 0; id < model_.layers.size(); ++id) {
        if (variants[id] == nullptr) continue;
        for (const layout::OwnWeight& own : variants[id]->weights) {
            const auto position = find_role(model_.layers[id], own.role);
            if (own.not_in_legacy.has(framework_) && position) found.push_back({id, *position});
        }
    }
    return found;
}

}  // namespace ballast::keras_legacy
