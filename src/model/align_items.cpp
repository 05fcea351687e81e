// SPDX-License-Identifier: Apache-2.0
// Listing the two sides of an alignment, see align_items.h.
#include "model/align_items.h"

#include <unordered_map>
#include <utility>

#include "ballast/error.h"
#include "model/map_rules.h"
#include "model/naming.h"

namespace ballast {
namespace {

std::string_view last_part(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

std::string_view folder(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string stored_name(const TensorExpr& value) {
    return value.is_identity() ? value.source()->stored_name : std::string();
}

/// Only these take part: optimizer and metric state have no place of their own in another model.
bool takes_part(const LooseTensor& tensor) {
    return tensor.part == Part::loose || tensor.part == Part::weight;
}

class Lister {
public:
    explicit Lister(bool with_empty) : with_empty_(with_empty) {}

    AlignSide list(const Model& model) {
        add_layers(model);
        for (const LooseTensor& tensor : model.loose) {
            if (takes_part(tensor) && wanted(tensor.value)) add_loose(tensor);
        }
        return std::move(side_);
    }

private:
    bool wanted(const TensorExpr& value) const { return with_empty_ || !value.empty(); }

    void add_layers(const Model& model) {
        if (!model.has_layers()) return;
        const CanonicalNames names = canonical_names(model);
        for (LayerId id = 0; id < model.layers.size(); ++id) {
            const Layer& layer = model.layers[id];
            const std::size_t unit = side_.units.size();
            for (std::size_t i = 0; i < layer.weights.size(); ++i) {
                const Weight& weight = layer.weights[i];
                if (!wanted(weight.value)) continue;
                if (unit == side_.units.size()) {
                    const std::string& own = layer.name.empty() ? names.layers[id] : layer.name;
                    side_.units.push_back(
                        {names.layers[id], layer.name.empty() ? std::string(last_part(own)) : own, {}, true});
                }
                add({names.weights[id][i], stored_name(weight.value), weight.role, unit, &weight.value});
            }
        }
    }

    void add_loose(const LooseTensor& tensor) {
        const std::string path(folder(tensor.name));
        const auto [found, fresh] = loose_units_.emplace(path, side_.units.size());
        if (fresh) side_.units.push_back({path, std::string(last_part(path)), {}, false});
        add({tensor.name, stored_name(tensor.value), std::string(last_part(tensor.name)), found->second,
             &tensor.value});
    }

    void add(AlignItem item) {
        side_.units[item.unit].items.push_back(side_.items.size());
        side_.items.push_back(std::move(item));
    }

    bool with_empty_;
    AlignSide side_;
    std::unordered_map<std::string, std::size_t> loose_units_;
};

/// Items that a rule renames leave their layer: what it was called tells nothing about the new place.
void regroup(AlignSide& side) {
    std::unordered_map<std::string, std::size_t> fresh;
    for (AlignUnit& unit : side.units)
        std::erase_if(unit.items, [&](std::size_t item) { return side.items[item].mapped; });
    for (std::size_t i = 0; i < side.items.size(); ++i) {
        AlignItem& item = side.items[i];
        if (!item.mapped) continue;
        const std::string path(folder(item.name));
        const auto [found, is_new] = fresh.emplace(path, side.units.size());
        if (is_new) side.units.push_back({path, std::string(last_part(path)), {}, false});
        item.unit = found->second;
        item.role = last_part(item.name);
        side.units[item.unit].items.push_back(i);
    }
}

}  // namespace

AlignSide source_side(const Model& model, const std::vector<MapRule>& map) {
    AlignSide side = Lister(false).list(model);
    if (map.empty()) return side;
    std::vector<std::pair<std::string, std::string>> names;
    for (const AlignItem& item : side.items)
        names.emplace_back(item.stored, item.name);
    check_rules(map, names);
    bool any = false;
    for (AlignItem& item : side.items) {
        auto name = mapped_name(map, item.stored, item.name);
        if (!name) continue;
        item.name = *std::move(name);
        item.mapped = any = true;
    }
    if (any) regroup(side);
    return side;
}

AlignSide target_side(const Model& model) {
    return Lister(true).list(model);
}

std::vector<TensorExpr*> target_values(Model& model) {
    std::vector<TensorExpr*> values;
    for (Layer& layer : model.layers) {
        for (Weight& weight : layer.weights)
            values.push_back(&weight.value);
    }
    for (LooseTensor& tensor : model.loose) {
        if (takes_part(tensor)) values.push_back(&tensor.value);
    }
    return values;
}

}  // namespace ballast
