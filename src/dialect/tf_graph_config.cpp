// SPDX-License-Identifier: Apache-2.0
// Lifting an object graph along a model config: every layer is looked up by the edges its class and place
// give it.
#include <algorithm>
#include <map>

#include "ballast/error.h"
#include "core/text.h"
#include "dialect/tf_graph.h"
#include "dialect/tf_graph_walk.h"
#include "model/config.h"

namespace ballast::tf_graph {
namespace {

using layout::Framework;

class Binder {
public:
    Binder(LiftState& state, const OpenOptions& options)
        : state_(state),
          view_(state.view),
          model_(state.lifting.model),
          options_(options),
          variants_(layer_variants(model_, view_.framework())),
          node_of_(model_.layers.size(), no_node),
          places_(view_.size()) {}

    void run() {
        assign(model_.root, view_.model(), {});
        while (!pending_.empty()) {
            const LayerId id = pending_.back();
            pending_.pop_back();
            visit(id, node_of_[id]);
        }
        bind();
    }

private:
    static std::string joined(const std::string& path, std::string_view edge) {
        return path.empty() ? std::string(edge) : path + "/" + std::string(edge);
    }
    const std::string& path_of(LayerId id) const { return model_.layers[id].stored_key; }

    Error mismatch(const Layer& layer, const std::string& what) const {
        return Error(ErrorCode::ambiguous_mapping,
                     "layer '" + layer.name + "' (" + layer.class_name + ") " + what)
            .in(view_.bundle().path())
            .hint("check that " + options_.config_path + " describes the model that was saved");
    }

    void assign(LayerId layer, NodeId node, std::string path) {
        if (node_of_[layer] != no_node) return;  // shared: its first place counts
        node_of_[layer] = node;
        model_.layers[layer].stored_key = std::move(path);
        pending_.push_back(layer);
    }

    void visit(LayerId id, NodeId node) {
        const Layer& layer = model_.layers[id];
        const LayerKind kind = kind_of(layer);
        if (kind == LayerKind::sequential || kind == LayerKind::functional)
            return visit_container(id, node, kind);
        if (!weights_known(layer)) return take_all(id, node);
        const layout::Variant* variant = variants_[id];
        if (variant) visit_weights(id, node, *variant);
        std::map<std::string, std::uint64_t> items;
        // Copied: stored keys are set below.
        const std::vector<Edge> edges = layer.edges;
        for (const Edge& edge : edges)
            visit_child(id, node, variant, edge, items);
    }

    void visit_weights(LayerId id, NodeId node, const layout::Variant& variant) {
        Layer& layer = model_.layers[id];
        for (std::uint32_t i = 0; i < layer.weights.size(); ++i) {
            const auto own =
                std::find_if(variant.weights.begin(), variant.weights.end(),
                             [&](const layout::OwnWeight& w) { return w.role == layer.weights[i].role; });
            if (own == variant.weights.end()) continue;
            // What another layer holds, too, may be stored there alone.
            std::string_view edge = own->tf_edge[static_cast<std::size_t>(view_.framework())];
            if (edge.empty() && !own->same_as.empty()) edge = own->same_as.front();
            NodeId value = node;
            std::string path;
            for (const std::string_view part : split(edge, '/')) {
                value = value == no_node ? no_node : view_.child(value, part);
                path = joined(path, escape_edge(part));
            }
            if (value == no_node || !view_.value(value))
                throw mismatch(layer, "has no variable '" + std::string(edge) + "' in the checkpoint");
            layer.weights[i].stored_key = std::move(path);
            places_[value].push_back({id, i});
        }
    }

    void visit_child(LayerId id, NodeId node, const layout::Variant* variant, const Edge& edge,
                     std::map<std::string, std::uint64_t>& items) {
        if (node_of_[edge.child] != no_node) return;
        std::string name = edge.key;
        bool each = edge.kind == Edge::Kind::index;
        if (variant) {
            for (const layout::Child& child : variant->children) {
                if (child.attribute != edge.key) continue;
                const std::string_view stored = child.tf_edge[static_cast<std::size_t>(view_.framework())];
                if (!stored.empty()) name = stored;
                each = each || child.each;
            }
        }
        NodeId child = view_.child(node, name);
        std::string path = escape_edge(name);
        if (each && child != no_node) {
            const std::string item = std::to_string(items[name]++);
            child = view_.child(child, item);
            path += "/" + item;
        }
        if (child != no_node) return assign(edge.child, child, joined(path_of(id), path));
        if (has_weights(edge.child)) throw mismatch(model_.layers[edge.child], "is not in the checkpoint");
    }

    /// Whether a layer of the config, or what lies below it, has variables; a class we do not know may.
    bool has_weights(LayerId top) const {
        std::vector<LayerId> pending = {top};
        std::vector<bool> seen(model_.layers.size());
        while (!pending.empty()) {
            const LayerId id = pending.back();
            pending.pop_back();
            if (seen[id]) continue;
            seen[id] = true;
            if (!model_.layers[id].weights.empty() || !weights_known(model_.layers[id])) return true;
            for (const Edge& edge : model_.layers[id].edges)
                pending.push_back(edge.child);
        }
        return false;
    }

    void visit_container(LayerId id, NodeId node, LayerKind kind) {
        const Layer& layer = model_.layers[id];
        std::vector<LayerId> children;
        const auto add = [&](const Edge& edge) {
            const bool hidden =
                kind == LayerKind::sequential && kind_of(model_.layers[edge.child]) == LayerKind::input;
            if (!hidden) children.push_back(edge.child);
        };
        if (view_.framework() == Framework::keras3 && !layer.save_order.empty())
            for (const std::uint32_t position : layer.save_order)
                add(layer.edges[position]);
        else
            for (const Edge& edge : layer.edges)
                add(edge);
        const std::vector<Member> members = view_.members(node);
        if (view_.framework() == Framework::tf_keras && view_.numbers_all(node))
            return pair_by_number(id, children, members);
        pair_weighty(id, children, members);
    }

    void pair_by_number(LayerId id, const std::vector<LayerId>& children,
                        const std::vector<Member>& members) {
        const std::string path = path_of(id);
        std::vector<bool> found(children.size());
        for (const Member& member : members) {
            if (member.number >= children.size()) {
                if (!view_.holds_values(member.node)) continue;
                throw mismatch(model_.layers[id], "has fewer layers than the checkpoint");
            }
            const auto place = static_cast<std::size_t>(member.number);
            found[place] = true;
            if (view_.holds_values(member.node))
                assign(children[place], member.node, joined(path, member.edge));
        }
        for (std::size_t i = 0; i < children.size(); ++i)
            if (!found[i] && has_weights(children[i]) && weights_known(model_.layers[children[i]]))
                throw mismatch(model_.layers[children[i]], "is not in the checkpoint");
    }

    void pair_weighty(LayerId id, const std::vector<LayerId>& children, const std::vector<Member>& members) {
        const std::string path = path_of(id);
        std::vector<LayerId> layers;
        for (const LayerId child : children)
            if (has_weights(child) && std::find(layers.begin(), layers.end(), child) == layers.end())
                layers.push_back(child);
        std::vector<Member> nodes;
        for (const Member& member : members)
            if (view_.holds_values(member.node)) nodes.push_back(member);
        if (layers.size() != nodes.size())
            throw mismatch(model_.layers[id], "has " + std::to_string(layers.size()) +
                                                  " layers with weights, the checkpoint " +
                                                  std::to_string(nodes.size()));
        for (std::size_t i = 0; i < nodes.size(); ++i)
            assign(layers[i], nodes[i].node, joined(path, nodes[i].edge));
    }

    /// A layer of unknown class: everything below it, by its path.
    void take_all(LayerId id, NodeId top) {
        model_.layers[id].weights.clear();
        std::vector<std::pair<NodeId, std::string>> pending = {{top, ""}};
        std::vector<bool> seen(view_.size());
        seen[top] = true;
        while (!pending.empty()) {
            const auto [node, path] = std::move(pending.back());
            pending.pop_back();
            const auto& children = view_.node(node).children;
            for (auto edge = children.rbegin(); edge != children.rend(); ++edge) {
                if (seen[edge->node] || GraphView::is_bookkeeping(edge->name) ||
                    view_.is_optimizer(edge->node))
                    continue;
                seen[edge->node] = true;
                pending.emplace_back(edge->node, joined(path, escape_edge(edge->name)));
            }
            if (node == top || !view_.value(node)) continue;
            Weight weight;
            weight.role = weight.stored_key = path;
            places_[node].push_back({id, static_cast<std::uint32_t>(model_.layers[id].weights.size())});
            model_.layers[id].weights.push_back(std::move(weight));
        }
    }

    /// A variable that several layers hold is one tensor.
    void bind() {
        std::vector<NodeId> order;
        for (NodeId node = 0; node < view_.size(); ++node)
            if (!places_[node].empty()) order.push_back(node);
        std::stable_sort(order.begin(), order.end(), [&](NodeId a, NodeId b) {
            const WeightRef x = places_[a].front(), y = places_[b].front();
            return std::pair(x.layer, x.weight) < std::pair(y.layer, y.weight);
        });
        for (const NodeId node : order) {
            state_.used[node] = true;
            state_.weight_of[node] = places_[node].front();
            state_.lifting.bind(places_[node].front().layer, places_[node].front().weight,
                                state_.tensor(node));
            for (std::size_t i = 1; i < places_[node].size(); ++i)
                state_.lifting.bind_copy(places_[node][i].layer, places_[node][i].weight);
        }
    }

    LiftState& state_;
    const GraphView& view_;
    Model& model_;
    const OpenOptions& options_;
    std::vector<const layout::Variant*> variants_;
    std::vector<NodeId> node_of_;                 ///< by layer
    std::vector<std::vector<WeightRef>> places_;  ///< by node
    std::vector<LayerId> pending_;
};

}  // namespace

void lift_by_config(LiftState& state, const OpenOptions& options) {
    ConfigOptions config;
    config.limits = options.limits;
    config.where = options.config_path;
    config.notes = &state.lifting.warnings;
    state.lifting.model = model_from_config(options.config, config);
    Binder(state, options).run();
    // The user lent the architecture; the file itself holds none.
    state.lifting.model.config = Tree();
}

}  // namespace ballast::tf_graph
