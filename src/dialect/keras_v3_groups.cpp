// SPDX-License-Identifier: Apache-2.0
// The groups of a file of the Keras 3 layout, see keras_v3_groups.h.
#include "dialect/keras_v3_groups.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <string>
#include <string_view>

#include "ballast/error.h"
#include "dialect/guess.h"
#include "dialect/keras_v3.h"
#include "dialect/keras_v3_tree.h"
#include "dialect/own_layers.h"
#include "model/config.h"

namespace ballast::keras_v3 {
namespace {

using layout::Framework;

std::string join(std::string_view path, std::string_view name) {
    return path.empty() ? std::string(name) : std::string(path) + "/" + std::string(name);
}

std::string_view last_part(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

std::string_view name_of(Framework flavor) {
    return flavor == Framework::keras3 ? "Keras 3" : "tf_keras";
}

/// The groups of a model that came from this dialect: the keys it came with, no class needed.
std::vector<V3Group> stored_groups(const Model& model) {
    std::vector<V3Group> groups;
    groups.reserve(model.layers.size());
    for (LayerId id = 0; id < model.layers.size(); ++id) {
        const Layer& layer = model.layers[id];
        V3Group group{id, layer.stored_key, {}};
        for (std::uint32_t i = 0; i < layer.weights.size(); ++i) {
            group.variables.push_back({layer.weights[i].stored_key, layer.weights[i].role, WeightRef{id, i}});
        }
        groups.push_back(std::move(group));
    }
    return groups;
}

/// Layers of a config that the file it was laid over does not store (a Sequential's InputLayer) have no key.
void drop_keyless(const Model& model, std::vector<V3Group>& groups) {
    std::erase_if(groups, [&](const V3Group& group) {
        return group.layer != model.root && group.path.empty() && group.variables.empty();
    });
}

/// Rewrites the keys of one flavour's file for the other one: some built-in layers keep a sub-layer under
/// another attribute, and some empty groups (of a wrapper's spare layer, of a TensorFlow function) have no
/// counterpart.
class Retargeting {
public:
    Retargeting(const Model& model, Framework flavor)
        : model_(model), flavor_(flavor), groups_(stored_groups(model)), dropped_(model.layers.size()) {
        find_weighty();
    }

    std::vector<V3Group> run() {
        for (LayerId id = 0; id < model_.layers.size(); ++id) {
            const std::map<LayerId, std::string> renumbered = keys_below(id);
            for (const Edge& edge : model_.layers[id].edges) {
                if (edge.kind == Edge::Kind::attribute) {
                    place_attribute(id, edge);
                } else {
                    place_member(id, edge, renumbered.at(edge.child));
                }
            }
        }
        std::vector<V3Group> kept;
        for (LayerId id = 0; id < model_.layers.size(); ++id) {
            if (!dropped_[id]) kept.push_back(std::move(groups_[id]));
        }
        return kept;
    }

private:
    /// Whether a layer or anything below it has variables.
    void find_weighty() {
        weighty_.resize(model_.layers.size());
        // Layers are numbered parents first, so one pass from the end sees children before their parents.
        for (std::size_t id = model_.layers.size(); id-- > 0;) {
            const Layer& layer = model_.layers[id];
            weighty_[id] = weighty_[id] || !layer.weights.empty();
            for (const Edge& edge : layer.edges)
                weighty_[id] = weighty_[id] || weighty_[edge.child];
        }
    }

    void place_attribute(LayerId parent, const Edge& edge) {
        const layout::ClassLayout* known = class_at(parent);
        const std::string_view attribute = known ? attribute_in(*known, edge.key) : edge.key;
        dropped_[edge.child] = dropped_[parent] || (attribute.empty() && !weighty_[edge.child]);
        groups_[edge.child].path =
            join(groups_[parent].path, attribute.empty() ? std::string_view(edge.key) : attribute);
    }

    void place_member(LayerId parent, const Edge& edge, const std::string& key) {
        const bool no_class = !has_class(unnumbered(key));
        dropped_[edge.child] = dropped_[parent] || (no_class && !weighty_[edge.child]);
        const std::string_view list = edge.kind == Edge::Kind::container ? layers_group : edge.key;
        groups_[edge.child].path = join(groups_[parent].path, join(list, key));
    }

    /// The keys of a layer's list members. Keras 3 counts a shared layer again where it does not store it,
    /// which leaves gaps; tf_keras closes them.
    std::map<LayerId, std::string> keys_below(LayerId parent) const {
        using Members = std::vector<std::pair<std::uint64_t, LayerId>>;
        std::map<LayerId, std::string> keys;
        std::map<std::string, Members> members;  // by list and key without number
        for (const Edge& edge : model_.layers[parent].edges) {
            if (edge.kind == Edge::Kind::attribute) continue;
            const std::string key(last_part(model_.layers[edge.child].stored_key));
            const std::string_view base = unnumbered(key);
            std::uint64_t number = 0;
            if (base.size() != key.size())
                std::from_chars(key.data() + base.size() + 1, key.data() + key.size(), number);
            members[edge.key + "/" + std::string(base)].emplace_back(number, edge.child);
            keys.emplace(edge.child, key);
        }
        if (flavor_ != Framework::tf_keras) return keys;
        for (auto& [name, found] : members) {
            std::sort(found.begin(), found.end());
            if (found.back().first + 1 == found.size()) continue;
            const std::string base(last_part(name));
            if (!has_class(base)) throw unclear(base);
            KeyCounter counter;
            for (const auto& [number, child] : found)
                keys[child] = counter.next(base);
        }
        return keys;
    }

    /// The name of a class may end in a number of its own.
    Error unclear(const std::string& base) const {
        return Error(ErrorCode::needs_config, "'" + base +
                                                  "' names no built-in class, so that it is not clear how " +
                                                  std::string(name_of(flavor_)) + " numbers these layers")
            .hint("give the architecture: --config MODEL.json (written by model.to_json())");
    }

    /// The built-in class of a layer, by its class where that is known, else by its key.
    const layout::ClassLayout* class_at(LayerId id) const {
        const Layer& layer = model_.layers[id];
        if (!layer.class_name.empty()) return layout::find_class(layer.class_name);
        const auto classes = layout::classes_with_key(unnumbered(last_part(layer.stored_key)));
        return classes.size() == 1 ? classes.front() : nullptr;
    }

    /// Where the flavour stores the sub-layer with this canonical attribute; empty when the class has none
    /// such.
    std::string_view attribute_in(const layout::ClassLayout& known, std::string_view attribute) const {
        for (const layout::Variant& variant : known.variants) {
            for (const layout::Child& child : variant.children) {
                if (child.attribute == attribute && !child.path(flavor_).empty()) return child.path(flavor_);
            }
        }
        return {};
    }

    /// Whether the flavour has a class with this key. TensorFlow functions are layers in tf_keras alone.
    bool has_class(std::string_view key) const {
        const auto classes = layout::classes_with_key(key);
        return std::any_of(classes.begin(), classes.end(), [this](const layout::ClassLayout* known) {
            return known->frameworks.has(flavor_);
        });
    }

    const Model& model_;
    Framework flavor_;
    std::vector<V3Group> groups_;
    std::vector<bool> dropped_;
    std::vector<bool> weighty_;
};

/// The first layer whose variables have no place by class alone; nullptr when there is none.
const Layer* first_unknown(const Model& model) {
    for (const Layer& layer : model.layers) {
        if (!weights_known(layer) && std::any_of(layer.weights.begin(), layer.weights.end(),
                                                 [](const Weight& weight) { return weight.value.empty(); })) {
            return &layer;
        }
    }
    return nullptr;
}

/// The frameworks walk a subclassed model in different orders: equal paths mean other layers.
bool has_attribute_paths(const Model& model) {
    const auto& edges = model.layers[model.root].edges;
    return std::any_of(edges.begin(), edges.end(),
                       [](const Edge& edge) { return edge.kind != Edge::Kind::container; });
}

Error needs_config(std::string message) {
    return Error(ErrorCode::needs_config, std::move(message))
        .hint(
            "give the architecture: --config MODEL.json (written by model.to_json()), or a whole-model .h5 "
            "or .keras");
}

Error subclassed(Framework flavor) {
    const Framework other = flavor == Framework::keras3 ? Framework::tf_keras : Framework::keras3;
    const std::string source(name_of(other)), target(name_of(flavor));
    return Error(ErrorCode::ambiguous_mapping, "the file comes from a subclassed " + source +
                                                   " model, whose paths name other layers in " + target)
        .hint("convert it to safetensors, or load it into the model in " + source +
              (flavor == Framework::keras3 ? " and save a legacy .h5 there" : " and save it from there"));
}

}  // namespace

std::vector<V3Group> groups_for(const Model& model, Framework flavor, Model& guessed) {
    if (!model.has_layers()) {
        throw needs_config(
            "the source holds tensors without layers, and Keras files name variables by layer class");
    }
    const bool own_dialect = model.producer.dialect == dialect;
    const Framework source = model.producer.flavor == "tf_keras" ? Framework::tf_keras : Framework::keras3;
    if (own_dialect && source == flavor) {
        std::vector<V3Group> groups = stored_groups(model);
        drop_keyless(model, groups);
        return groups;
    }
    if (has_classes(model)) {
        if (const Layer* unknown = first_unknown(model)) {
            throw needs_config("the variables of layer '" + unknown->name + "' are not known");
        }
        require_places(model, Placing::by_path, name_of(flavor));
        return v3_paths(model, flavor);
    }
    if (own_dialect) {
        if (has_attribute_paths(model)) throw subclassed(flavor);
        return Retargeting(model, flavor).run();
    }
    guessed = guess_classes(model, flavor);
    return stored_groups(guessed);
}

}  // namespace ballast::keras_v3
