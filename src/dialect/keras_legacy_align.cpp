// SPDX-License-Identifier: Apache-2.0
// Joining the lists of a legacy file with the layers of a config, see keras_legacy_align.h.
#include "dialect/keras_legacy_align.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "core/text.h"
#include "model/config.h"

namespace ballast::keras_legacy {
namespace {

using layout::Framework;

Error mismatch(const std::string& text) {
    return Error(ErrorCode::ambiguous_mapping, text)
        .hint("give the config of the very model that wrote this file: --config MODEL.json");
}

/// Pairs by name; nullopt when a stored layer with weights has no namesake.
std::optional<std::vector<LayerId>> pair_by_name(const Model& model, const std::vector<LayerId>& layers,
                                                 const std::vector<StoredLayer>& stored) {
    std::unordered_map<std::string_view, LayerId> by_name;
    for (const LayerId id : layers)
        by_name.emplace(model.layers[id].name, id);
    std::vector<LayerId> pairs;
    for (const StoredLayer& layer : stored) {
        const auto found = by_name.find(layer.name);
        if (found == by_name.end() && !layer.weights.empty()) return std::nullopt;
        pairs.push_back(found == by_name.end() ? no_layer : found->second);
    }
    return pairs;
}

using Names = std::unordered_set<std::string_view>;

/// By layer below (and with) `top`: its own name and those of the layers on the way to it. A weight's stored
/// name may carry any of them (a wrapper names the weights of what it wraps).
std::unordered_map<LayerId, Names> owner_names(const Model& model, LayerId top) {
    std::unordered_map<LayerId, Names> owners;
    owners[top] = {model.layers[top].name};
    std::vector<LayerId> pending = {top};
    while (!pending.empty()) {
        const LayerId id = pending.back();
        pending.pop_back();
        for (const Edge& edge : model.layers[id].edges) {
            Names& names = owners[edge.child];
            const std::size_t before = names.size();
            names.insert(owners[id].begin(), owners[id].end());
            names.insert(model.layers[edge.child].name);
            if (names.size() != before) pending.push_back(edge.child);
        }
    }
    return owners;
}

/// The layers a weight's stored name mentions: all its components but the last.
std::vector<std::string_view> owners_in_name(std::string_view weight_name) {
    const std::size_t last = weight_name.rfind('/');
    if (last == std::string_view::npos) return {};
    return split(weight_name.substr(0, last), '/');
}

/// Whether the stored name mentions a layer below the top one that does not lead to this owner.
bool leads_elsewhere(std::string_view weight_name, const Names& own, const Names& all) {
    const auto owners = owners_in_name(weight_name);
    return std::any_of(owners.begin(), owners.end(),
                       [&](std::string_view owner) { return all.contains(owner) && !own.contains(owner); });
}

Names all_names(const std::unordered_map<LayerId, Names>& owners) {
    Names all;
    for (const auto& [id, names] : owners)
        all.insert(names.begin(), names.end());
    return all;
}

/// What the framework calls a weight: "depthwise_kernel" of a layer whose role for it is "kernel".
class OwnNames {
public:
    OwnNames(const Model& model, Framework framework)
        : model_(model), framework_(framework), variants_(layer_variants(model, framework)) {}

    std::string_view operator()(const WeightRef& ref) const {
        const std::string_view role = model_.layers[ref.layer].weights[ref.weight].role;
        const layout::Variant* variant = variants_[ref.layer];
        if (variant == nullptr) return role;
        const auto own = std::ranges::find(variant->weights, role, &layout::OwnWeight::role);
        return own == variant->weights.end() ? role : own->name[static_cast<std::size_t>(framework_)];
    }

private:
    const Model& model_;
    Framework framework_;
    std::vector<const layout::Variant*> variants_;
};

/// Whether the stored names contradict the entries: a role of this layer at another place, or the name of
/// another layer.
bool contradicts(const Model& model, LayerId top, const std::vector<LegacyEntry>& entries,
                 const StoredLayer& stored, Framework framework) {
    const OwnNames name_of(model, framework);
    std::unordered_set<std::string_view> names;
    for (const LegacyEntry& entry : entries)
        names.insert(name_of(entry.weight));
    const auto owners = owner_names(model, top);
    const Names all = all_names(owners);
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const WeightRef& ref = entries[i].weight;
        const std::string_view role = base_name(stored.weights[i].name);
        if (names.contains(role) && role != name_of(ref)) return true;
        const auto own = owners.find(ref.layer);
        if (own != owners.end() && leads_elsewhere(stored.weights[i].name, own->second, all)) return true;
    }
    return false;
}

/// The entries in the order of the stored names, when each name tells owner and role of exactly one; else
/// nothing. Repairs files whose config lists layers in another order than the model had, or whose flags were
/// changed in part.
std::optional<std::vector<LegacyEntry>> order_by_names(const Model& model, LayerId top,
                                                       const std::vector<LegacyEntry>& entries,
                                                       const StoredLayer& stored, Framework framework) {
    const auto owners = owner_names(model, top);
    const Names all = all_names(owners);
    const OwnNames name_of(model, framework);
    std::unordered_map<std::string_view, std::vector<const LegacyEntry*>> by_name;
    for (const LegacyEntry& entry : entries)
        by_name[name_of(entry.weight)].push_back(&entry);
    std::unordered_set<const LegacyEntry*> used;
    std::vector<LegacyEntry> ordered;
    for (const StoredWeight& weight : stored.weights) {
        const LegacyEntry* found = nullptr;
        for (const LegacyEntry* entry : by_name[base_name(weight.name)]) {
            const auto own = owners.find(entry->weight.layer);
            const auto mentioned = owners_in_name(weight.name);
            // The name must mention the owner itself: a role alone says too little.
            const std::string& name = model.layers[entry->weight.layer].name;
            const bool named =
                !name.empty() && std::find(mentioned.begin(), mentioned.end(), name) != mentioned.end();
            if (!named || own == owners.end() || leads_elsewhere(weight.name, own->second, all)) continue;
            if (found) return std::nullopt;
            found = entry;
        }
        if (!found || !used.insert(found).second) return std::nullopt;
        ordered.push_back(*found);
    }
    return ordered;
}

/// A layer of unknown class takes its weights as they come.
std::vector<LegacyEntry> take_as_stored(Model& model, LayerId top, const StoredLayer& stored) {
    std::vector<LegacyEntry> entries;
    model.layers[top].weights.clear();
    for (const StoredWeight& weight : stored.weights) {
        entries.push_back({{top, static_cast<std::uint32_t>(model.layers[top].weights.size())}, {}});
        Weight own;
        own.role = role_path(stored.name, weight.name);
        model.layers[top].weights.push_back(std::move(own));
    }
    return entries;
}

}  // namespace

Pairing pair_layers(const Model& model, const std::vector<StoredLayer>& stored, Framework framework) {
    const std::vector<LayerId> layers = legacy_layers(model, framework);
    if (auto pairs = pair_by_name(model, layers, stored)) return {std::move(*pairs), false};
    std::vector<LayerId> weighted;
    for (const LayerId id : layers) {
        if (has_unknown_weights(model, id) || !flatten_legacy(model, id, framework).empty())
            weighted.push_back(id);
    }
    const auto stored_weighted = static_cast<std::size_t>(std::count_if(
        stored.begin(), stored.end(), [](const StoredLayer& layer) { return !layer.weights.empty(); }));
    if (stored_weighted != weighted.size()) {
        throw mismatch("the config has " + std::to_string(weighted.size()) +
                       " layers with weights, the file " + std::to_string(stored_weighted) +
                       ", and their names differ");
    }
    Pairing pairing;
    pairing.by_order = true;
    std::size_t next = 0;
    for (const StoredLayer& layer : stored)
        pairing.layers.push_back(layer.weights.empty() ? no_layer : weighted[next++]);
    return pairing;
}

Alignment align(Model& model, LayerId top, const StoredLayer& stored, Framework framework, bool keras1) {
    if (!weights_known(model.layers[top])) return {take_as_stored(model, top, stored), false};
    bool counts_fit = false;
    std::size_t expected = 0;
    for (const TrainableFlags flags : {TrainableFlags::as_config, TrainableFlags::all}) {
        std::vector<LegacyEntry> entries = flatten_legacy(model, top, framework, flags);
        expected = entries.size();
        if (entries.size() != stored.weights.size()) continue;
        counts_fit = true;
        if (!contradicts(model, top, entries, stored, framework))
            return {std::move(entries), flags == TrainableFlags::all};
    }
    if (counts_fit) {
        const auto entries = flatten_legacy(model, top, framework, TrainableFlags::as_config);
        if (auto ordered = order_by_names(model, top, entries, stored, framework))
            return {std::move(*ordered), false};
    }
    if (keras1 && !counts_fit) {
        const auto entries = flatten_legacy(model, top, framework, TrainableFlags::as_config);
        if (auto apart = expand_gates(model, entries, stored.weights.size()))
            return {std::move(apart->entries), false, std::move(apart->gates)};
    }
    if (has_unknown_weights(model, top)) {
        throw mismatch("layer '" + stored.name +
                       "' holds a layer of a custom class, whose weights cannot be told apart");
    }
    if (!counts_fit) {
        throw mismatch("the config gives layer '" + model.layers[top].name + "' " + std::to_string(expected) +
                       " weights, the file's '" + stored.name + "' has " +
                       std::to_string(stored.weights.size()));
    }
    throw mismatch("the weight names of layer '" + stored.name + "' contradict the order its config gives");
}

}  // namespace ballast::keras_legacy
