// SPDX-License-Identifier: Apache-2.0
// Names of what no layer took, see tf_graph_rest.h.
#include "dialect/tf_graph_rest.h"

#include <set>
#include <vector>

namespace ballast::tf_graph {
namespace {

void name_metrics(const GraphView& view, RestNames& names) {
    const NodeId api = view.child(0, "keras_api");
    const NodeId metrics = api == no_node ? no_node : view.child(api, "metrics");
    if (metrics == no_node) return;
    std::vector<NodeId> pending = {metrics};
    std::vector<bool> seen(view.size());
    while (!pending.empty()) {
        const NodeId node = pending.back();
        pending.pop_back();
        if (seen[node]) continue;
        seen[node] = true;
        if (const bundle::Entry* value = view.value(node)) names[value->key] = {{}, Part::metric, false, {}};
        for (const proto::ObjectReference& edge : view.node(node).children)
            pending.push_back(edge.node);
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
    name_metrics(view, names);
    name_export(view, names);
    return names;
}

}  // namespace ballast::tf_graph
