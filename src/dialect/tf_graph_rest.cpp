// SPDX-License-Identifier: Apache-2.0
// Names of what no layer took, see tf_graph_rest.h.
#include "dialect/tf_graph_rest.h"

#include <set>
#include <vector>

namespace ballast::tf_graph {
namespace {

/// What is left of all that can be reached from a node is state: kept where the target holds such, never a
/// weight.
void name_state(const GraphView& view, NodeId start, Part part, RestNames& names) {
    if (start == no_node) return;
    std::vector<NodeId> pending = {start};
    std::vector<bool> seen(view.size());
    while (!pending.empty()) {
        const NodeId node = pending.back();
        pending.pop_back();
        if (seen[node]) continue;
        seen[node] = true;
        if (const bundle::Entry* value = view.value(node)) names[value->key] = {{}, part, false, {}};
        for (const proto::ObjectReference& edge : view.node(node).children)
            pending.push_back(edge.node);
        for (const proto::SlotReference& slot : view.node(node).slots)
            pending.push_back(slot.slot);
    }
}

/// What a lookup layer counts while it is fitted, and TensorFlow empties when that is done.
void name_counts(const GraphView& view, NodeId node, RestNames& names) {
    for (const proto::ObjectAttribute& attribute : view.node(node).attributes)
        for (const std::string_view end : {table_keys, table_values})
            if (const bundle::Entry* part = view.bundle().find(attribute.key + std::string(end)))
                names[part->key] = {.part = Part::metric, .empty_table = part->shape.element_count() == 0};
    const NodeId texts = view.child(node, "num_documents");
    if (texts == no_node || view.child(node, "token_document_counts") == no_node) return;
    if (const bundle::Entry* value = view.value(texts)) names[value->key] = {{}, Part::metric, false, {}};
}

/// Metrics, what wraps an optimizer (a loss scale), optimizers of models within the model, what stateful
/// recurrent layers remember of the last batch, and what lookup layers have counted.
void name_states(const GraphView& view, RestNames& names) {
    name_state(view, view.child(0, "optimizer"), Part::metric, names);
    for (NodeId node = 0; node < view.size(); ++node) {
        if (node != view.optimizer() && view.is_optimizer(node))
            name_state(view, node, Part::optimizer, names);
        name_counts(view, node, names);
        const NodeId api = view.child(node, "keras_api");
        if (api == no_node) continue;
        name_state(view, view.child(api, "metrics"), Part::metric, names);
        const NodeId states = view.child(api, "states");
        if (states == no_node) continue;
        for (const proto::ObjectReference& edge : view.node(states).children)
            if (const bundle::Entry* value = view.value(edge.node))
                names[value->key] = {{}, Part::metric, false, {}};
    }
}

/// "conv1/kernel", "conv1/kernel#2", …: export does not keep names apart.
std::string unique(const std::string& name, std::set<std::string>& taken) {
    std::string result = name;
    for (int number = 2; !taken.insert(result).second; ++number)
        result = name + "#" + std::to_string(number);
    return result;
}

bool equal_bytes(const bundle::Entry& a, const bundle::Entry& b) {
    return a.type == b.type && a.shape == b.shape && a.size == b.size && a.crc == b.crc && a.slices == 0 &&
           b.slices == 0;
}

void name_export(const GraphView& view, RestNames& names) {
    const NodeId used = view.child(0, "variables"), all = view.child(0, "_all_variables");
    if (used == no_node || all == no_node) return;
    std::set<std::string> taken;
    std::multimap<std::string, const bundle::Entry*> originals;
    for (const proto::ObjectReference& edge : view.node(used).children) {
        const bundle::Entry* value = view.value(edge.node);
        const std::string& full = view.full_name(edge.node);
        if (value == nullptr || full.empty() || names.contains(value->key)) continue;
        names[value->key] = {unique(full, taken), Part::loose, false, {}};
        originals.emplace(full, value);
    }
    for (const proto::ObjectReference& edge : view.node(all).children) {
        const bundle::Entry* value = view.value(edge.node);
        if (value == nullptr || names.contains(value->key)) continue;
        const auto [begin, end] = originals.equal_range(view.full_name(edge.node));
        for (auto original = begin; original != end; ++original) {
            if (!equal_bytes(*original->second, *value)) continue;
            names[value->key] = {{}, Part::loose, true, original->second->key};
            originals.erase(original);  // each has one copy
            break;
        }
    }
}

}  // namespace

RestNames name_rest(const GraphView& view) {
    RestNames names;
    name_states(view, names);
    name_export(view, names);
    return names;
}

}  // namespace ballast::tf_graph
