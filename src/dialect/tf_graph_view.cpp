// SPDX-License-Identifier: Apache-2.0
// Questions about object graphs, see tf_graph_view.h.
#include "dialect/tf_graph_view.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>

#include "dialect/tf_graph.h"

namespace ballast::tf_graph {
namespace {

constexpr std::string_view with_weights = "layer_with_weights-", any_layer = "layer-";
constexpr std::array<std::string_view, 3> keras3_lists = {"_operations", "_layers", "layers"};
constexpr std::string_view keras3_inner = "_functional";

/// Sorted. Keras 3 keeps second copies of everything it tracks in lists of its own.
constexpr auto bookkeeping = std::to_array<std::string_view>({"_all_variables",
                                                              "_compile_loss",
                                                              "_compile_metrics",
                                                              "_functional",
                                                              "_inbound_nodes",
                                                              "_index_dict",
                                                              "_initial_epoch",
                                                              "_layers",
                                                              "_loss_tracker",
                                                              "_losses",
                                                              "_metrics",
                                                              "_misc_assets",
                                                              "_non_trainable_variables",
                                                              "_operations",
                                                              "_outbound_nodes",
                                                              "_self_tracked_trackables",
                                                              "_tracked",
                                                              "_trainable_variables",
                                                              "keras_api",
                                                              "loss",
                                                              "non_trainable_variables",
                                                              "predict_function",
                                                              "predict_tf_function",
                                                              "regularization_losses",
                                                              "root",
                                                              "save_counter",
                                                              "signatures",
                                                              "state_size",
                                                              "state_spec",
                                                              "test_function",
                                                              "test_tf_function",
                                                              "train_function",
                                                              "train_tf_function",
                                                              "trainable_variables",
                                                              "variables"});
static_assert(std::is_sorted(bookkeeping.begin(), bookkeeping.end()));

std::optional<std::uint64_t> number_in(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<std::uint64_t> number_behind(std::string_view edge, std::string_view prefix) {
    return edge.starts_with(prefix) ? number_in(edge.substr(prefix.size())) : std::nullopt;
}

}  // namespace

std::string escape_edge(std::string_view edge) {
    std::string text;
    for (const char c : edge) {
        if (c == '.')
            text += "..";
        else if (c == '/')
            text += ".S";
        else
            text += c;
    }
    return text;
}

std::string unescape_edge(std::string_view text) {
    std::string edge;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '.' || i + 1 == text.size())
            edge += text[i];
        else
            edge += text[++i] == 'S' ? '/' : text[i];
    }
    return edge;
}

GraphView::GraphView(const bundle::Bundle& bundle, proto::ObjectGraph graph)
    : bundle_(bundle), graph_(std::move(graph)) {
    find_values();
    find_holders();
    find_model();
    find_optimizer();
}

bool GraphView::is_bookkeeping(std::string_view edge) noexcept {
    return std::binary_search(bookkeeping.begin(), bookkeeping.end(), edge);
}

NodeId GraphView::child(NodeId id, std::string_view name) const noexcept {
    for (const proto::ObjectReference& child : graph_.nodes[id].children)
        if (child.name == name) return child.node;
    return no_node;
}

const std::string& GraphView::full_name(NodeId id) const {
    static const std::string none;
    const auto& attributes = graph_.nodes[id].attributes;
    return attributes.empty() ? none : attributes.front().full_name;
}

void GraphView::find_values() {
    values_.resize(size());
    for (NodeId id = 0; id < size(); ++id) {
        for (const proto::ObjectAttribute& attribute : graph_.nodes[id].attributes) {
            if (attribute.name != "VARIABLE_VALUE") continue;
            const bundle::Entry* entry = bundle_.find(attribute.key);
            if (entry && entry->type->bytes != 0) values_[id] = entry;
            break;
        }
    }
}

/// Backwards from the variables.
void GraphView::find_holders() {
    std::vector<std::vector<NodeId>> parents(size());
    std::vector<NodeId> pending;
    for (NodeId id = 0; id < size(); ++id) {
        if (is_optimizer(id)) continue;
        const bool lists_layers = !members(id).empty();
        for (const proto::ObjectReference& child : graph_.nodes[id].children)
            if (!is_bookkeeping(child.name) || lists_layers) parents[child.node].push_back(id);
        if (values_[id]) pending.push_back(id);
    }
    holds_.resize(size());
    for (const NodeId id : pending)
        holds_[id] = true;
    while (!pending.empty()) {
        const NodeId id = pending.back();
        pending.pop_back();
        for (const NodeId parent : parents[id]) {
            if (holds_[parent]) continue;
            holds_[parent] = true;
            pending.push_back(parent);
        }
    }
}

bool GraphView::is_optimizer(NodeId id) const noexcept {
    if (!graph_.nodes[id].slots.empty()) return true;
    const bool counts = child(id, "_iterations") != no_node || child(id, "iter") != no_node;
    return counts && (child(id, "_learning_rate") != no_node || child(id, "learning_rate") != no_node ||
                      child(id, "_variables") != no_node);
}

bool GraphView::is_list(NodeId id) const noexcept {
    const auto& children = graph_.nodes[id].children;
    return !children.empty() && !values_[id] &&
           std::all_of(children.begin(), children.end(),
                       [](const auto& child) { return number_in(child.name); });
}

bool GraphView::looks_like_model(NodeId id) const {
    return !members(id).empty();
}

void GraphView::find_model() {
    if (!looks_like_model(0)) {
        // tf.train.Checkpoint(model=…): the one thing below the root that holds weights, and is a model.
        const proto::ObjectReference* only = nullptr;
        bool several = false;
        for (const proto::ObjectReference& child : graph_.nodes[0].children) {
            if (is_bookkeeping(child.name) || is_optimizer(child.node) || !holds_[child.node] ||
                values_[child.node])
                continue;
            several = several || (only && only->node != child.node);
            if (!only) only = &child;
        }
        if (only && !several && (looks_like_model(only->node) || only->name == "model")) {
            model_ = only->node;
            model_edge_ = only->name;
        }
    }
    for (const std::string_view list : keras3_lists)
        if (child(model_, list) != no_node) framework_ = layout::Framework::keras3;
    if (child(model_, keras3_inner) != no_node || child(model_, "_tracked") != no_node)
        framework_ = layout::Framework::keras3;
    // Where Keras 3 keeps a variable behind a property, tf_keras does not.
    for (NodeId id = 0; id < size() && framework_ == layout::Framework::tf_keras; ++id)
        for (const proto::ObjectReference& edge : graph_.nodes[id].children)
            if ((edge.name == "_kernel" || edge.name == "_embeddings") && values_[edge.node])
                framework_ = layout::Framework::keras3;
    for (const proto::ObjectReference& edge : graph_.nodes[model_].children)
        if (number_behind(edge.name, with_weights) || number_behind(edge.name, any_layer))
            framework_ = layout::Framework::tf_keras;
}

void GraphView::find_optimizer() {
    for (const NodeId holder : {model_, NodeId{0}}) {
        for (const proto::ObjectReference& child : graph_.nodes[holder].children) {
            if (!is_optimizer(child.node)) continue;
            optimizer_ = child.node;
            const bool below = holder != 0;
            optimizer_edge_ = (below ? escape_edge(model_edge_) + "/" : "") + escape_edge(child.name);
            return;
        }
    }
}

bool GraphView::numbers_all(NodeId id) const {
    for (const proto::ObjectReference& edge : graph_.nodes[id].children)
        if (number_behind(edge.name, any_layer)) return true;
    return framework_ == layout::Framework::keras3;
}

std::vector<Member> GraphView::members(NodeId id) const {
    struct Found {
        std::optional<std::uint64_t> place, weighty;
        std::string edge;
    };
    std::map<NodeId, Found> found;
    for (const proto::ObjectReference& edge : graph_.nodes[id].children) {
        const auto weighty = number_behind(edge.name, with_weights),
                   place = number_behind(edge.name, any_layer);
        if (!weighty && !place) continue;
        Found& entry = found[edge.node];
        if (weighty && !entry.weighty) entry.weighty = weighty;
        if (place && !entry.place) entry.place = place;
        if (entry.edge.empty() || weighty) entry.edge = escape_edge(edge.name);
    }
    if (found.empty()) {
        NodeId holder = id;
        std::string path;
        if (const NodeId inner = child(id, keras3_inner);
            inner != no_node && child(inner, keras3_lists[0]) != no_node) {
            holder = inner;
            path = std::string(keras3_inner) + "/";
        }
        for (const std::string_view list : keras3_lists) {
            const NodeId node = child(holder, list);
            if (node == no_node || !is_list(node)) continue;
            for (const proto::ObjectReference& item : graph_.nodes[node].children)
                found.try_emplace(item.node, Found{number_in(item.name), std::nullopt,
                                                   path + std::string(list) + "/" + item.name});
            break;
        }
    }
    const bool all =
        std::any_of(found.begin(), found.end(), [](const auto& item) { return item.second.place; });
    std::vector<Member> members;
    for (auto& [node, entry] : found) {
        const auto number = all ? entry.place : entry.weighty;
        // A node without the number that counts comes last.
        members.push_back({node, number.value_or(UINT64_MAX), std::move(entry.edge)});
    }
    std::stable_sort(members.begin(), members.end(),
                     [](const Member& a, const Member& b) { return a.number < b.number; });
    return members;
}

}  // namespace ballast::tf_graph
