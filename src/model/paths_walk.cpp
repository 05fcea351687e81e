// SPDX-License-Identifier: Apache-2.0
// Children of a layer in the orders the frameworks walk them.
#include "model/paths_walk.h"

#include <algorithm>
#include <utility>

#include "model/config.h"

namespace ballast {
namespace {

bool is_container(LayerKind kind) {
    return kind == LayerKind::sequential || kind == LayerKind::functional;
}

/// Keras 3 puts private attributes last; tf_keras goes backwards through the alphabet.
bool attribute_before(std::string_view a, std::string_view b, layout::Framework flavor) {
    if (flavor == layout::Framework::tf_keras) return a > b;
    const bool a_private = a.starts_with('_');
    const bool b_private = b.starts_with('_');
    return a_private != b_private ? b_private : a < b;
}

void add_steps(const Model& model, const Layer& layer, std::string_view attribute, std::string_view stored,
               std::vector<Step>& out) {
    for (const Edge& edge : layer.edges) {
        if (edge.kind == Edge::Kind::container || edge.key != attribute || edge.child >= model.layers.size())
            continue;
        out.push_back({edge.child, edge.kind, std::string(stored), std::string(attribute)});
    }
}

}  // namespace

std::optional<std::uint32_t> find_role(const Layer& layer, std::string_view role) {
    for (std::uint32_t i = 0; i < layer.weights.size(); ++i) {
        if (layer.weights[i].role == role) return i;
    }
    return std::nullopt;
}

std::vector<LayerId> container_children(const Model& model, LayerId id, layout::Framework framework) {
    const Layer& layer = model.layers[id];
    const LayerKind kind = kind_of(layer);
    if (!is_container(kind)) return {};
    std::vector<std::uint32_t> positions;
    const bool reordered =
        framework == layout::Framework::keras3 && layer.save_order.size() == layer.edges.size();
    for (std::uint32_t i = 0; i < layer.edges.size(); ++i)
        positions.push_back(reordered ? layer.save_order[i] : i);
    std::vector<LayerId> children;
    for (std::size_t i = 0; i < positions.size(); ++i) {
        if (positions[i] >= layer.edges.size()) continue;
        const Edge& edge = layer.edges[positions[i]];
        if (edge.kind != Edge::Kind::container || edge.child >= model.layers.size()) continue;
        const LayerKind child = kind_of(model.layers[edge.child]);
        if (i == 0 && kind == LayerKind::sequential && child == LayerKind::input) continue;
        if (child == LayerKind::operation && framework == layout::Framework::keras3) continue;
        children.push_back(edge.child);
    }
    return children;
}

std::vector<Step> v3_steps(const Model& model, LayerId id, const layout::Variant* variant,
                           layout::Framework flavor) {
    const Layer& layer = model.layers[id];
    std::vector<Step> steps;
    for (const LayerId child : container_children(model, id, flavor)) {
        steps.push_back({child, Edge::Kind::container, "layers", {}});
    }
    if (variant != nullptr) {
        for (const std::uint8_t index : layout::child_order(*variant, layout::Order::save, flavor)) {
            const layout::Child& child = variant->children[index];
            if (!child.path(flavor).empty())
                add_steps(model, layer, child.attribute, child.path(flavor), steps);
        }
        return steps;
    }
    std::vector<std::string_view> attributes;
    for (const Edge& edge : layer.edges) {
        if (edge.kind != Edge::Kind::container) attributes.push_back(edge.key);
    }
    std::sort(attributes.begin(), attributes.end(),
              [&](std::string_view a, std::string_view b) { return attribute_before(a, b, flavor); });
    attributes.erase(std::unique(attributes.begin(), attributes.end()), attributes.end());
    for (const std::string_view attribute : attributes)
        add_steps(model, layer, attribute, attribute, steps);
    return steps;
}

std::vector<LayerId> legacy_children(const Model& model, LayerId id, const layout::Variant* variant,
                                     layout::Framework framework) {
    const Layer& layer = model.layers[id];
    if (is_container(kind_of(layer))) return container_children(model, id, framework);
    std::vector<Step> steps;
    if (variant != nullptr) {
        for (const std::uint8_t index : layout::child_order(*variant, layout::Order::legacy, framework)) {
            add_steps(model, layer, variant->children[index].attribute, {}, steps);
        }
    } else {
        for (const Edge& edge : layer.edges) {
            if (edge.child < model.layers.size()) steps.push_back({edge.child, edge.kind, {}, {}});
        }
    }
    std::vector<LayerId> children;
    for (const Step& step : steps)
        children.push_back(step.child);
    return children;
}

std::optional<WeightRef> same_variable(const Model& model, LayerId id, const layout::Variant* variant,
                                       std::string_view role) {
    if (variant == nullptr) return std::nullopt;
    for (const layout::OwnWeight& own : variant->weights) {
        if (own.role != role) continue;
        for (std::string_view path : own.same_as) {
            LayerId at = id;
            bool found = true;
            for (auto slash = path.find('/'); slash != std::string_view::npos && found;
                 slash = path.find('/')) {
                const auto& edges = model.layers[at].edges;
                const auto edge = std::find_if(edges.begin(), edges.end(), [&](const Edge& candidate) {
                    return candidate.key == path.substr(0, slash) && candidate.child < model.layers.size();
                });
                found = edge != edges.end();
                if (found) at = edge->child;
                path.remove_prefix(slash + 1);
            }
            const auto weight = found ? find_role(model.layers[at], path) : std::nullopt;
            if (weight) return WeightRef{at, *weight};
        }
    }
    return std::nullopt;
}

}  // namespace ballast
