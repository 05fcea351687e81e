// SPDX-License-Identifier: Apache-2.0
// The order of weights in a legacy .h5: per top-level layer, trainable weights first, flattened as each
// framework does.
//
// Keras 3 flattens once and then parts the list by each variable's own flag. tf_keras asks every layer for
// its trainable and its other weights separately, so a layer's flag hides everything below it; and a
// container puts its layers before its own weights, a plain layer its own weights first. See
// docs/formats/legacy_order.md.
#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "model/config.h"
#include "model/order.h"
#include "model/paths_walk.h"

namespace ballast {
namespace {

/// A variable as one number, to compare and to keep lists of.
using Variable = std::uint64_t;
Variable pack(WeightRef ref) {
    return (static_cast<std::uint64_t>(ref.layer) << 32) | ref.weight;
}
WeightRef unpack(Variable variable) {
    return {static_cast<LayerId>(variable >> 32), static_cast<std::uint32_t>(variable)};
}

using List = std::vector<Variable>;

/// By nature, as the framework that writes or reads the file sees it.
bool is_trainable_kind(const layout::Variant* variant, const Weight& weight) {
    if (variant != nullptr) {
        for (const layout::OwnWeight& own : variant->weights)
            if (own.role == weight.role) return own.trainable;
    }
    return weight.trainable;
}

/// A variable that the framework's legacy files do not hold (the tf-idf table of a lookup layer).
bool is_left_out(const layout::Variant* variant, std::string_view role, layout::Framework framework) {
    if (variant == nullptr) return false;
    return std::any_of(variant->weights.begin(), variant->weights.end(), [&](const layout::OwnWeight& own) {
        return own.role == role && own.not_in_legacy.has(framework);
    });
}

/// Positions of a layer's own weights in the order of legacy files, before they are parted.
std::vector<std::uint32_t> own_order(const std::vector<Weight>& weights, const layout::Variant* variant,
                                     layout::Framework framework) {
    std::vector<std::uint32_t> positions;
    std::vector<bool> taken(weights.size());
    if (variant != nullptr) {
        for (const std::uint8_t i : variant->legacy_weights[static_cast<std::size_t>(framework)]) {
            const auto found = std::ranges::find(weights, variant->weights[i].role, &Weight::role);
            if (found == weights.end()) continue;
            positions.push_back(static_cast<std::uint32_t>(found - weights.begin()));
            taken[positions.back()] = true;
        }
    }
    for (std::uint32_t i = 0; i < weights.size(); ++i) {
        if (!taken[i]) positions.push_back(i);
    }
    return positions;
}

/// The framework's own arrangement; of a class it does not have, the other framework's.
const layout::Variant* any_variant(const Layer& layer, layout::Framework framework,
                                   const layout::Variant* made) {
    const auto other =
        framework == layout::Framework::keras3 ? layout::Framework::tf_keras : layout::Framework::keras3;
    const layout::Variant* own = variant_of(layer, framework);
    if (own == nullptr) own = made;
    return own != nullptr ? own : variant_of(layer, other);
}

/// Concatenation without repeats, in the order of first arrival.
class Unique {
public:
    void add(const List& list) {
        for (const Variable variable : list) {
            if (seen_.insert(variable).second) list_.push_back(variable);
        }
    }
    List take() { return std::move(list_); }

private:
    List list_;
    std::unordered_set<Variable> seen_;
};

class Flattener {
public:
    Flattener(const Model& model, LayerId top, layout::Framework framework, TrainableFlags flags);
    std::vector<LegacyEntry> flatten();
    std::vector<WeightRef> trainable();

private:
    /// What the frameworks ask a layer for.
    struct Lists {
        List trainable;
        List other;
    };

    void ask_all();
    bool is_trained(Variable variable) const;
    void sort_layers(LayerId top);
    void find_copies();
    const layout::Variant* made_variant(LayerId parent, LayerId child) const;
    Variable original(Variable variable) const;
    bool is_trainable(LayerId id) const {
        return flags_ == TrainableFlags::all || model_.layers[id].trainable;
    }
    List own(LayerId id, bool trainable) const;
    Lists ask_tf_keras(LayerId id) const;
    List ask_keras3(LayerId id) const;
    List all_tf_keras(LayerId id) const;

    const Model& model_;
    LayerId top_;
    layout::Framework framework_;
    TrainableFlags flags_;
    std::unordered_map<LayerId, const layout::Variant*> variants_;
    std::vector<LayerId> sorted_;  ///< children before parents
    std::unordered_map<LayerId, std::vector<LayerId>> children_;
    std::unordered_map<LayerId, Lists> lists_;
    std::unordered_map<Variable, Variable> original_of_;
};

Flattener::Flattener(const Model& model, LayerId top, layout::Framework framework, TrainableFlags flags)
    : model_(model), top_(top), framework_(framework), flags_(flags) {
    sort_layers(top);
    find_copies();
}

/// Post-order over everything below `top`; an edge back into the own ancestors is left out.
void Flattener::sort_layers(LayerId top) {
    struct Frame {
        LayerId layer;
        std::size_t next;
    };
    std::unordered_set<LayerId> done;
    std::vector<Frame> stack;
    const auto enter = [&](LayerId id, const layout::Variant* made) {
        variants_.emplace(id, any_variant(model_.layers[id], framework_, made));
        children_.emplace(id, legacy_children(model_, id, variants_.at(id), framework_));
        stack.push_back({id, 0});
    };
    enter(top, nullptr);
    while (!stack.empty()) {
        Frame& frame = stack.back();
        std::vector<LayerId>& children = children_[frame.layer];
        if (frame.next == children.size()) {
            done.insert(frame.layer);
            sorted_.push_back(frame.layer);
            stack.pop_back();
            continue;
        }
        const LayerId child = children[frame.next];
        if (children_.contains(child) && !done.contains(child)) {
            children.erase(children.begin() + static_cast<std::ptrdiff_t>(frame.next));
            continue;
        }
        ++frame.next;
        if (!done.contains(child)) enter(child, made_variant(frame.layer, child));
    }
}

/// For a sub-layer that its parent makes itself.
const layout::Variant* Flattener::made_variant(LayerId parent, LayerId child) const {
    if (!model_.layers[child].config.is_null()) return nullptr;
    for (const Edge& edge : model_.layers[parent].edges) {
        if (edge.child == child) return made_child_variant(variants_.at(parent), edge);
    }
    return nullptr;
}

/// Own weights that are another name for a sub-layer's variable.
void Flattener::find_copies() {
    for (const LayerId id : sorted_) {
        const auto& weights = model_.layers[id].weights;
        for (std::uint32_t i = 0; i < weights.size(); ++i) {
            if (const auto same = same_variable(model_, id, variants_.at(id), weights[i].role)) {
                original_of_.emplace(pack({id, i}), pack(*same));
            }
        }
    }
}

Variable Flattener::original(Variable variable) const {
    const auto found = original_of_.find(variable);
    return found == original_of_.end() ? variable : found->second;
}

List Flattener::own(LayerId id, bool trainable) const {
    List list;
    const auto& weights = model_.layers[id].weights;
    for (const std::uint32_t i : own_order(weights, variants_.at(id), framework_)) {
        const layout::Variant* variant = variants_.at(id);
        if (is_trainable_kind(variant, weights[i]) != trainable ||
            is_left_out(variant, weights[i].role, framework_))
            continue;
        list.push_back(original(pack({id, i})));
    }
    return list;
}

/// A layer's `weights` in tf_keras: its trainable ones, then the others.
List Flattener::all_tf_keras(LayerId id) const {
    Unique all;
    all.add(lists_.at(id).trainable);
    all.add(lists_.at(id).other);
    return all.take();
}

Flattener::Lists Flattener::ask_tf_keras(LayerId id) const {
    const LayerKind kind = kind_of(model_.layers[id]);
    const bool container = kind == LayerKind::sequential || kind == LayerKind::functional;
    const bool trainable = is_trainable(id);
    const auto& children = children_.at(id);
    Unique first;
    Unique second;
    if (container) {
        Unique hidden;
        for (const LayerId child : children)
            (trainable ? first : hidden).add(lists_.at(child).trainable);
        (trainable ? first : hidden).add(own(id, true));
        second.add(hidden.take());
        for (const LayerId child : children)
            second.add(lists_.at(child).other);
        second.add(own(id, false));
    } else if (trainable) {
        first.add(own(id, true));
        second.add(own(id, false));
        for (const LayerId child : children) {
            first.add(lists_.at(child).trainable);
            second.add(lists_.at(child).other);
        }
    } else {
        second.add(own(id, true));
        second.add(own(id, false));
        for (const LayerId child : children)
            second.add(all_tf_keras(child));
    }
    return {first.take(), second.take()};
}

List Flattener::ask_keras3(LayerId id) const {
    Unique all;
    all.add(own(id, true));
    all.add(own(id, false));
    for (const LayerId child : children_.at(id))
        all.add(lists_.at(child).other);
    return all.take();
}

void Flattener::ask_all() {
    const bool keras3 = framework_ == layout::Framework::keras3;
    for (const LayerId id : sorted_)
        lists_.emplace(id, keras3 ? Lists{{}, ask_keras3(id)} : ask_tf_keras(id));
}

/// By Keras 3, which asks the variable and its layer.
bool Flattener::is_trained(Variable variable) const {
    const WeightRef ref = unpack(variable);
    return is_trainable(top_) && is_trainable(ref.layer) &&
           is_trainable_kind(variants_.at(ref.layer), model_.layers[ref.layer].weights[ref.weight]);
}

std::vector<WeightRef> Flattener::trainable() {
    ask_all();
    const bool keras3 = framework_ == layout::Framework::keras3;
    std::vector<WeightRef> refs;
    for (const Variable variable : keras3 ? lists_.at(top_).other : lists_.at(top_).trainable)
        if (!keras3 || is_trained(variable)) refs.push_back(unpack(variable));
    return refs;
}

std::vector<LegacyEntry> Flattener::flatten() {
    ask_all();
    List order;
    if (framework_ == layout::Framework::keras3) {
        order = lists_.at(top_).other;
        std::stable_partition(order.begin(), order.end(),
                              [&](Variable variable) { return is_trained(variable); });
    } else {
        order = all_tf_keras(top_);
    }
    std::unordered_map<Variable, std::vector<WeightRef>> copies;
    for (const LayerId id : sorted_) {
        for (std::uint32_t i = 0; i < model_.layers[id].weights.size(); ++i) {
            const Variable variable = pack({id, i});
            if (const Variable first = original(variable); first != variable)
                copies[first].push_back({id, i});
        }
    }
    std::vector<LegacyEntry> entries;
    for (const Variable variable : order)
        entries.push_back({unpack(variable), copies[variable]});
    return entries;
}

}  // namespace

std::vector<LegacyEntry> flatten_legacy(const Model& model, LayerId top, layout::Framework framework,
                                        TrainableFlags flags) {
    if (top >= model.layers.size()) return {};
    return Flattener(model, top, framework, flags).flatten();
}

std::vector<WeightRef> trainable_weights(const Model& model, layout::Framework framework) {
    if (!model.has_layers()) return {};
    return Flattener(model, model.root, framework, TrainableFlags::as_config).trainable();
}

std::vector<LayerId> legacy_layers(const Model& model, layout::Framework framework) {
    if (!model.has_layers()) return {};
    return container_children(model, model.root, framework);
}

bool has_unknown_weights(const Model& model, LayerId top) {
    std::unordered_set<LayerId> seen;
    std::vector<LayerId> pending = {top};
    while (!pending.empty()) {
        const LayerId id = pending.back();
        pending.pop_back();
        if (id >= model.layers.size() || !seen.insert(id).second) continue;
        if (!weights_known(model.layers[id])) return true;
        for (const Edge& edge : model.layers[id].edges)
            pending.push_back(edge.child);
    }
    return false;
}

}  // namespace ballast
