// SPDX-License-Identifier: Apache-2.0
// What a layer of a Model is to the walks over it: its kind, and the arrangement of its variables.
#include <algorithm>
#include <array>
#include <string_view>

#include "model/config.h"

namespace ballast {
namespace {

/// Layers of Keras 2 that wrap a TensorFlow function or record a loss; Keras 3 has no layer in their place.
constexpr std::array<std::string_view, 8> operation_classes = {
    "TFOpLambda",       "SlicingOpLambda",   "ClassMethod", "InstanceMethod",
    "InstanceProperty", "TensorFlowOpLayer", "AddLoss",     "AddMetric"};

bool contains(std::span<const std::string_view> names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_container(const Layer& layer) {
    return !layer.edges.empty() && layer.edges[0].kind == Edge::Kind::container;
}

}  // namespace

LayerKind kind_of(const Layer& layer) {
    const bool built_in = layer.package.empty();
    if (built_in && layer.class_name == "Sequential") return LayerKind::sequential;
    if (built_in && (layer.class_name == "Functional" || layer.class_name == "Model"))
        return LayerKind::functional;
    if (layer.config.find("layers") != nullptr && layer.config.find("input_layers") != nullptr &&
        layer.config.find("output_layers") != nullptr) {
        return LayerKind::functional;
    }
    if (!built_in || layout::find_class(layer.class_name) == nullptr) {
        if (layer.config["layers"].is_array() && is_container(layer)) return LayerKind::sequential;
        if (!built_in) return LayerKind::unknown;
    }
    if (layer.class_name == "InputLayer") return LayerKind::input;
    if (contains(operation_classes, layer.class_name)) return LayerKind::operation;
    return layout::find_class(layer.class_name) != nullptr ? LayerKind::plain : LayerKind::unknown;
}

bool weights_known(const Layer& layer) {
    return kind_of(layer) != LayerKind::unknown;
}

layout::ConfigLookup config_lookup(const Tree& config) {
    return [&config](std::string_view key) { return layout::config_value(config, key); };
}

const layout::Variant* variant_of(const Layer& layer, layout::Framework framework) {
    if (layer.config.is_null() || kind_of(layer) != LayerKind::plain) return nullptr;
    return layout::choose_variant(*layout::find_class(layer.class_name), config_lookup(layer.config),
                                  framework);
}

const layout::Variant* made_child_variant(const layout::Variant* parent, const Edge& edge) {
    if (parent == nullptr || edge.kind != Edge::Kind::attribute) return nullptr;
    for (const layout::Child& child : parent->children) {
        if (child.attribute == edge.key) return child.fixed_variant;
    }
    return nullptr;
}

std::vector<const layout::Variant*> layer_variants(const Model& model, layout::Framework framework) {
    std::vector<const layout::Variant*> variants(model.layers.size(), nullptr);
    std::vector<LayerId> pending;
    for (std::size_t id = 0; id < variants.size(); ++id) {
        variants[id] = variant_of(model.layers[id], framework);
        if (variants[id] != nullptr) pending.push_back(static_cast<LayerId>(id));
    }
    // Sub-layers that their parent makes may nest, so go from the top down.
    while (!pending.empty()) {
        const LayerId parent = pending.back();
        pending.pop_back();
        for (const Edge& edge : model.layers[parent].edges) {
            if (edge.child >= variants.size() || !model.layers[edge.child].config.is_null()) continue;
            const layout::Variant* made = made_child_variant(variants[parent], edge);
            if (made == nullptr || variants[edge.child] != nullptr) continue;
            variants[edge.child] = made;
            pending.push_back(edge.child);
        }
    }
    return variants;
}

void drop_left_out(Model& model, layout::Framework framework,
                   layout::FrameworkSet layout::OwnWeight::*left_out) {
    const auto variants = layer_variants(model, framework);
    for (std::size_t id = 0; id < model.layers.size(); ++id) {
        if (variants[id] == nullptr) continue;
        std::erase_if(model.layers[id].weights, [&](const Weight& weight) {
            return std::ranges::any_of(variants[id]->weights, [&](const layout::OwnWeight& own) {
                return own.role == weight.role && (own.*left_out).has(framework);
            });
        });
    }
}

}  // namespace ballast
