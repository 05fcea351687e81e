// SPDX-License-Identifier: Apache-2.0
// Lifting an object graph without a config: layers from edges, names from what the variables are called.
#include "dialect/tf_graph_walk.h"

#include <algorithm>
#include <array>

#include "core/text.h"
#include "dialect/tf_graph.h"

namespace ballast::tf_graph {
namespace {

using layout::Framework;

/// Attributes whose canonical name is Keras 3's, without the underscore.
constexpr std::array<std::string_view, 8> private_names = {"_query_dense",  "_key_dense",    "_value_dense",
                                                           "_output_dense", "_kernel",       "_embeddings",
                                                           "adapt_mean",    "adapt_variance"};

std::string_view public_name(std::string_view edge) {
    if (std::find(private_names.begin(), private_names.end(), edge) == private_names.end()) return edge;
    return edge.substr(edge.starts_with("adapt_") ? 6 : 1);
}

class Walk {
public:
    explicit Walk(LiftState& state)
        : state_(state), view_(state.view), layer_of_(view_.size(), LiftState::no_layer) {}

    void run() {
        Model& model = state_.lifting.model;
        model.layers.emplace_back();
        layer_of_[view_.model()] = model.root;
        pending_.push_back({view_.model(), model.root});
        while (!pending_.empty()) {
            const Step step = pending_.back();
            pending_.pop_back();
            visit(step);
        }
        name_layers();
    }

private:
    struct Step {
        NodeId node;
        LayerId layer;
    };

    void visit(const Step& step) {
        std::vector<Step> found;
        const std::vector<Member> members = view_.members(step.node);
        for (const Member& member : members)
            if (view_.holds_values(member.node))
                add_layer(step.layer, member.node, Edge::Kind::container, {}, member.edge, found);
        for (const proto::ObjectReference& edge : view_.node(step.node).children) {
            const bool member = std::any_of(members.begin(), members.end(),
                                            [&](const Member& m) { return m.node == edge.node; });
            if (member || GraphView::is_bookkeeping(edge.name)) continue;
            follow(step, edge, found);
        }
        // A stack pops from the end: reversed, the walk goes in the order of the edges.
        pending_.insert(pending_.end(), found.rbegin(), found.rend());
    }

    void follow(const Step& step, const proto::ObjectReference& edge, std::vector<Step>& found) {
        if (view_.is_optimizer(edge.node) || !view_.holds_values(edge.node)) return;
        if (view_.value(edge.node))
            return add_weight(step.layer, edge.node, edge.name, escape_edge(edge.name));
        if (!view_.is_list(edge.node))
            return add_layer(step.layer, edge.node, Edge::Kind::attribute,
                             std::string(public_name(edge.name)), escape_edge(edge.name), found);
        // Lists, also in lists; a list that holds itself ends with the first visit.
        std::vector<std::pair<NodeId, std::string>> lists = {{edge.node, escape_edge(edge.name)}};
        std::unordered_set<NodeId> seen = {edge.node};
        while (!lists.empty()) {
            const auto [list, path] = std::move(lists.back());
            lists.pop_back();
            std::vector<proto::ObjectReference> items = view_.node(list).children;
            std::stable_sort(items.begin(), items.end(),
                             [](const auto& a, const auto& b) { return natural_less(a.name, b.name); });
            for (const proto::ObjectReference& item : items) {
                const std::string item_path = path + "/" + item.name;
                if (!view_.holds_values(item.node) || view_.is_optimizer(item.node)) continue;
                if (view_.value(item.node))
                    add_weight(step.layer, item.node, edge.name + "/" + item.name, item_path);
                else if (view_.is_list(item.node) && seen.insert(item.node).second)
                    lists.emplace_back(item.node, item_path);
                else if (!view_.is_list(item.node))
                    add_layer(step.layer, item.node, Edge::Kind::index, edge.name, item_path, found);
            }
        }
    }

    void add_weight(LayerId layer, NodeId node, std::string_view edge, std::string key) {
        if (state_.used[node]) return;  // another name of a variable that has its place
        state_.used[node] = true;
        Weight weight;
        weight.role = public_name(edge);
        weight.stored_key = std::move(key);
        const auto place = static_cast<std::uint32_t>(state_.lifting.model.layers[layer].weights.size());
        state_.weight_of[node] = {layer, place};
        state_.lifting.add_weight(layer, std::move(weight), state_.tensor(node));
    }

    void add_layer(LayerId parent, NodeId node, Edge::Kind kind, std::string key, const std::string& path,
                   std::vector<Step>& found) {
        Model& model = state_.lifting.model;
        if (layer_of_[node] != LiftState::no_layer) {
            // Shared. Of two edges from one parent the first counts; an edge back to the model is its own
            // business.
            const auto& edges = model.layers[parent].edges;
            const LayerId known = layer_of_[node];
            const bool again =
                std::any_of(edges.begin(), edges.end(), [&](const Edge& e) { return e.child == known; });
            if (!again && known != model.root && !is_ancestor(known, parent)) {
                model.layers[parent].edges.push_back({kind, std::move(key), known});
            }
            return;
        }
        const LayerId id = state_.lifting.add_layer(parent, kind, std::move(key));
        const std::string& above = model.layers[parent].stored_key;
        model.layers[id].stored_key = above.empty() ? path : above + "/" + path;
        layer_of_[node] = id;
        parents_.resize(id + 1, model.root);
        parents_[id] = parent;
        kinds_.resize(id + 1, kind);
        kinds_[id] = kind;
        nodes_.resize(id + 1, no_node);
        nodes_[id] = node;
        found.push_back({node, id});
    }

    /// By first edges, which make a tree.
    bool is_ancestor(LayerId above, LayerId layer) const {
        for (; layer != state_.lifting.model.root; layer = parents_[layer])
            if (layer == above) return true;
        return false;
    }

    /// "bi/forward_lstm/lstm_cell/kernel": the layers from the last container down to the variable, as far as
    /// they are named. A wrapper's inner layer may lend it its name ("td/kernel").
    void name_layers() {
        Model& model = state_.lifting.model;
        for (NodeId node = 0; node < view_.size(); ++node) {
            const WeightRef ref = state_.weight_of[node];
            if (ref.layer == LiftState::no_layer || ref.layer == model.root) continue;
            const std::string& full = view_.full_name(node);
            std::vector<std::string_view> parts = split(full, '/');
            // The variable's own part, or parts, are not the layers'.
            if (parts.size() < 2) continue;
            parts.pop_back();
            std::vector<LayerId> chain;
            for (LayerId layer = ref.layer; layer != model.root; layer = parents_[layer]) {
                chain.push_back(layer);
                // Keras 3 names a variable by its whole path, tf_keras leaves nested models out.
                if (kinds_[layer] == Edge::Kind::container && view_.framework() == Framework::tf_keras) break;
            }
            std::reverse(chain.begin(), chain.end());
            const std::size_t count = std::min(chain.size(), parts.size());
            const std::size_t skip = parts.size() - count;
            for (std::size_t i = 0; i < count; ++i)
                if (model.layers[chain[i]].name.empty()) model.layers[chain[i]].name = parts[skip + i];
        }
    }

    LiftState& state_;
    const GraphView& view_;
    std::vector<LayerId> layer_of_;  ///< by node
    std::vector<LayerId> parents_ = {0};
    std::vector<Edge::Kind> kinds_ = {Edge::Kind::container};
    std::vector<NodeId> nodes_ = {no_node};
    std::vector<Step> pending_;
};

}  // namespace

void trim_key(std::string& key) {
    constexpr std::string_view suffix = "/.ATTRIBUTES/VARIABLE_VALUE";
    if (key.ends_with(suffix) && key.size() > suffix.size()) key.resize(key.size() - suffix.size());
}

std::string stored_name(std::string_view key) {
    std::string name(key);
    trim_key(name);
    return name;
}

TensorInfo LiftState::tensor(NodeId node) const {
    TensorInfo tensor = view.bundle().tensor(*view.value(node));
    tensor.name = tensor.stored_name = stored_name(tensor.stored_name);
    return tensor;
}

void lift_by_edges(LiftState& state) {
    Walk(state).run();
}

}  // namespace ballast::tf_graph
