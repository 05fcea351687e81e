// SPDX-License-Identifier: Apache-2.0
// Keras 3's order of the layers of a Functional: by depth from the outputs, then by first visit.
//
// A call of a layer is a node; its parents are the calls whose results it takes. Depth-first from each output
// numbers the layers and sorts the nodes; the longest way to an output gives the depth. Both Keras do the
// same; what differs is how a config writes calls down.
#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/order.h"

namespace ballast {
namespace {

constexpr std::uint32_t none = ~0U;

/// A reference to a tensor, as written.
struct Reference {
    std::uint32_t entry = 0;  ///< position in config["layers"]
    std::uint32_t call = 0;   ///< as written, before the shift for nested models
};

struct Entry {
    const Tree* node = nullptr;
    std::vector<std::vector<Reference>> calls;  ///< parents of each call, in order
    std::uint32_t first_node = 0;               ///< of this entry in the list of nodes
    std::uint32_t call_shift = 0;               ///< written index - shift = call, in inbound nodes
    std::uint32_t output_shift = 0;             ///< the same in output_layers
    bool is_input = false;

    std::uint32_t node_count() const { return is_input ? 1U : static_cast<std::uint32_t>(calls.size()); }
};

/// Keras 2 writes positional arguments but the first as keywords, ahead of the real ones. Positional ones are
/// walked in their order, keywords by name; the config does not tell which is which.
enum class KeywordOrder : std::uint8_t { by_name, as_written };

class Graph {
public:
    Graph(const Tree& config, KeywordOrder keywords) : keywords_(keywords) { read(config); }
    /// Some Keras 2 call takes more than one tensor by keyword.
    bool depends_on_keywords() const { return depends_on_keywords_; }
    GraphOrder order() const;

private:
    void read(const Tree& config);
    void read_calls(Entry& entry);
    void collect(const Tree& value, std::vector<Reference>& out);
    void collect_keywords(const Tree& kwargs, std::vector<Reference>& out);
    bool as_reference(const Tree& value, Reference& out) const;
    void guess_shifts(const std::vector<Reference>& outputs);
    std::uint32_t node_of(Reference reference, bool output) const;
    bool link(const std::vector<Reference>& outputs);
    void visit(std::uint32_t start, std::vector<std::uint8_t>& state, std::vector<std::uint32_t>& sorted,
               std::vector<std::uint32_t>& index, std::uint32_t& count, bool& acyclic) const;

    std::unordered_map<std::string_view, std::uint32_t> by_name_;
    std::vector<Entry> entries_;
    std::vector<std::uint32_t> entry_of_;              ///< by node
    std::vector<std::vector<std::uint32_t>> parents_;  ///< by node
    std::vector<std::uint32_t> outputs_;               ///< nodes
    std::vector<std::uint32_t> inputs_;                ///< entries
    KeywordOrder keywords_;
    bool complete_ = true;
    bool depends_on_keywords_ = false;
};

/// ["layer", call, tensor] or ["layer", call, tensor, {kwargs}].
bool Graph::as_reference(const Tree& value, Reference& out) const {
    if (!value.is_array() || (value.size() != 3 && value.size() != 4)) return false;
    if (!value.at(0).is_string() || (value.size() == 4 && !value.at(3).is_object())) return false;
    const auto call = value.at(1).as_uint64();
    const auto tensor = value.at(2).as_uint64();
    const auto found = by_name_.find(value.at(0).as_string());
    if (!call || !tensor || found == by_name_.end() || *call >= none) return false;
    out = {found->second, static_cast<std::uint32_t>(*call)};
    return true;
}

/// A leaf that has the form of a reference but names no layer.
bool is_broken_reference(const Tree& value) {
    return value.is_array() && value.size() == 4 && value.at(0).is_string() &&
           value.at(0).as_string() != "_CONSTANT_VALUE" && value.at(1).is_number() &&
           value.at(2).is_number() && value.at(3).is_object();
}

/// All references in a value, in the order of a flattened Python structure: lists as they stand, dicts by
/// sorted key.
void Graph::collect(const Tree& root, std::vector<Reference>& out) {
    std::vector<const Tree*> pending = {&root};
    while (!pending.empty()) {
        const Tree& value = *pending.back();
        pending.pop_back();
        Reference reference;
        if (value.is_object()) {
            const Tree& history = value["config"]["keras_history"];
            if (value["class_name"].as_string() == "__keras_tensor__") {
                if (as_reference(history, reference)) {
                    out.push_back(reference);
                } else {
                    complete_ = false;
                }
                continue;
            }
            std::vector<const Tree::Member*> members;
            for (const auto& member : value.members())
                members.push_back(&member);
            std::sort(members.begin(), members.end(), [](auto* a, auto* b) { return a->first > b->first; });
            for (const auto* member : members)
                pending.push_back(&member->second);
        } else if (as_reference(value, reference)) {
            out.push_back(reference);
        } else if (is_broken_reference(value)) {
            complete_ = false;
        } else {
            for (std::size_t i = value.size(); value.is_array() && i-- > 0;)
                pending.push_back(&value.at(i));
        }
    }
}

/// Keras 2: the kwargs ride along on every leaf, once is enough.
const Tree* kwargs_of(const Tree& call) {
    std::vector<const Tree*> pending = {&call};
    while (!pending.empty()) {
        const Tree& value = *pending.back();
        pending.pop_back();
        if (value.is_array() && value.size() == 4 && value.at(0).is_string() && value.at(3).is_object())
            return &value.at(3);
        if (value.is_object()) {
            for (const auto& [key, item] : value.members())
                pending.push_back(&item);
        } else {
            for (std::size_t i = value.size(); value.is_array() && i-- > 0;)
                pending.push_back(&value.at(i));
        }
    }
    return nullptr;
}

void Graph::collect_keywords(const Tree& kwargs, std::vector<Reference>& out) {
    const std::size_t before = out.size();
    if (keywords_ == KeywordOrder::by_name) {
        collect(kwargs, out);
    } else {
        for (const auto& [key, value] : kwargs.members())
            collect(value, out);
    }
    if (out.size() > before + 1) depends_on_keywords_ = true;
}

void Graph::read_calls(Entry& entry) {
    for (const Tree& call : (*entry.node)["inbound_nodes"].items()) {
        std::vector<Reference> parents;
        if (call.is_object() && call.find("args") != nullptr) {
            collect(call["args"], parents);
            collect(call["kwargs"], parents);
        } else {
            collect(call, parents);
            if (const Tree* kwargs = kwargs_of(call)) collect_keywords(*kwargs, parents);
        }
        entry.calls.push_back(std::move(parents));
    }
    entry.is_input = entry.calls.empty();
}

/// Whether references to a nested model count the call it was built with (the first call is then 1).
/// Keras 2 counts it for models that know their input; Keras 3 only in output_layers and only for a
/// Functional. Where the numbers themselves tell, they are believed instead.
void Graph::guess_shifts(const std::vector<Reference>& outputs) {
    std::vector<std::array<std::vector<std::uint32_t>, 2>> used(entries_.size());
    for (const Entry& entry : entries_) {
        for (const auto& call : entry.calls) {
            for (const Reference& parent : call)
                used[parent.entry][0].push_back(parent.call);
        }
    }
    for (const Reference& output : outputs)
        used[output.entry][1].push_back(output.call);
    const auto decide = [](const std::vector<std::uint32_t>& calls, std::size_t count,
                           bool expected) -> std::uint32_t {
        if (calls.empty()) return expected ? 1U : 0U;
        const auto [low, high] = std::minmax_element(calls.begin(), calls.end());
        if (*low == 0) return 0;
        return *high >= count || expected ? 1U : 0U;
    };
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        Entry& entry = entries_[i];
        const Tree& config = (*entry.node)["config"];
        const Tree& inner = config.is_array() ? config : config["layers"];
        if (!inner.is_array() || entry.calls.empty()) continue;
        const bool functional = config.find("input_layers") != nullptr;
        const bool keras3 = (*entry.node)["inbound_nodes"].at(0).is_object();
        const Tree& first = inner.at(0);
        const bool knows_input = first["class_name"].as_string() == "InputLayer" ||
                                 first["config"].find("batch_input_shape") != nullptr;
        entry.call_shift = decide(used[i][0], entry.calls.size(), !keras3 && knows_input);
        entry.output_shift = decide(used[i][1], entry.calls.size(), keras3 ? functional : knows_input);
    }
}

std::uint32_t Graph::node_of(Reference reference, bool output) const {
    const Entry& entry = entries_[reference.entry];
    // An InputLayer may have been called again in another graph; it has one node here.
    if (entry.is_input) return entry.first_node;
    const std::uint32_t shift = output ? entry.output_shift : entry.call_shift;
    if (reference.call < shift || reference.call - shift >= entry.calls.size()) return none;
    return entry.first_node + reference.call - shift;
}

bool Graph::link(const std::vector<Reference>& outputs) {
    for (const Entry& entry : entries_) {
        for (std::uint32_t i = 0; i < entry.node_count(); ++i) {
            auto& parents = parents_.emplace_back();
            if (entry.is_input) continue;
            for (const Reference& reference : entry.calls[i]) {
                parents.push_back(node_of(reference, false));
                if (parents.back() == none) return false;
            }
        }
    }
    for (const Reference& output : outputs) {
        outputs_.push_back(node_of(output, true));
        if (outputs_.back() == none) return false;
    }
    return true;
}

void Graph::read(const Tree& config) {
    const Tree& layers = config["layers"];
    for (std::uint32_t i = 0; i < layers.size(); ++i) {
        const Tree& node = layers.at(i);
        auto name = node["name"].as_string();
        if (name.empty()) name = node["config"]["name"].as_string();
        if (!by_name_.emplace(name, i).second) complete_ = false;
        entries_.push_back({&node, {}, 0, 0, 0, false});
    }
    for (Entry& entry : entries_)
        read_calls(entry);
    for (std::uint32_t i = 0; i < entries_.size(); ++i) {
        entries_[i].first_node = static_cast<std::uint32_t>(entry_of_.size());
        entry_of_.insert(entry_of_.end(), entries_[i].node_count(), i);
    }
    std::vector<Reference> outputs;
    std::vector<Reference> inputs;
    collect(config["output_layers"], outputs);
    collect(config["input_layers"], inputs);
    for (const Reference& input : inputs)
        inputs_.push_back(input.entry);
    guess_shifts(outputs);
    if (outputs.empty() || !link(outputs)) complete_ = false;
}

/// Depth-first with a stack of our own: parents before the node itself.
void Graph::visit(std::uint32_t start, std::vector<std::uint8_t>& state, std::vector<std::uint32_t>& sorted,
                  std::vector<std::uint32_t>& index, std::uint32_t& count, bool& acyclic) const {
    enum : std::uint8_t { fresh, open, done };
    struct Frame {
        std::uint32_t node;
        std::size_t next;
    };
    std::vector<Frame> stack;
    const auto enter = [&](std::uint32_t node) {
        if (state[node] == done) return;
        if (state[node] == open) {
            acyclic = false;
            return;
        }
        state[node] = open;
        if (std::uint32_t& number = index[entry_of_[node]]; number == none) number = count++;
        stack.push_back({node, 0});
    };
    enter(start);
    while (!stack.empty() && acyclic) {
        Frame& frame = stack.back();
        if (frame.next < parents_[frame.node].size()) {
            enter(parents_[frame.node][frame.next++]);
            continue;
        }
        state[frame.node] = done;
        sorted.push_back(frame.node);
        stack.pop_back();
    }
}

GraphOrder Graph::order() const {
    GraphOrder result;
    const auto count = static_cast<std::uint32_t>(entries_.size());
    for (std::uint32_t i = 0; i < count; ++i)
        result.positions.push_back(i);
    result.complete = complete_;
    if (!complete_) return result;

    std::vector<std::uint8_t> state(entry_of_.size(), 0);
    std::vector<std::uint32_t> sorted;
    std::vector<std::uint32_t> index(count, none);
    std::uint32_t visited = 0;
    for (const std::uint32_t output : outputs_)
        visit(output, state, sorted, index, visited, result.complete);
    if (!result.complete) return result;

    std::vector<std::int64_t> node_depth(entry_of_.size(), 0);
    std::vector<std::int64_t> depth(count, -1);  // -1: no way to an output
    for (auto node = sorted.rbegin(); node != sorted.rend(); ++node) {
        std::int64_t& layer_depth = depth[entry_of_[*node]];
        layer_depth = std::max(node_depth[*node], layer_depth);
        node_depth[*node] = layer_depth;
        for (const std::uint32_t parent : parents_[*node]) {
            node_depth[parent] = std::max(node_depth[parent], layer_depth + 1);
        }
    }
    // Inputs that no output needs come first among the layers of depth 0; anything else unused comes last.
    std::vector<std::int64_t> rank(index.begin(), index.end());
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
        const std::uint32_t input = inputs_[i];
        if (depth[input] >= 0 || !entries_[input].is_input) continue;
        depth[input] = 0;
        rank[input] = static_cast<std::int64_t>(i) - static_cast<std::int64_t>(inputs_.size());
    }
    std::stable_sort(result.positions.begin(), result.positions.end(), [&](std::uint32_t a, std::uint32_t b) {
        return depth[a] != depth[b] ? depth[a] > depth[b] : rank[a] < rank[b];
    });
    return result;
}

}  // namespace

GraphOrder keras3_graph_order(const Tree& config) {
    const Graph graph(config, KeywordOrder::by_name);
    GraphOrder order = graph.order();
    if (!order.complete || !graph.depends_on_keywords()) return order;
    // Keras 2 listed the layers by the same rule, so the reading that explains its list is the right one.
    if (std::is_sorted(order.positions.begin(), order.positions.end())) return order;
    GraphOrder other = Graph(config, KeywordOrder::as_written).order();
    return std::is_sorted(other.positions.begin(), other.positions.end()) ? other : order;
}

}  // namespace ballast
