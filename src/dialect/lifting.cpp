// SPDX-License-Identifier: Apache-2.0
// Lifting: see lifting.h.
#include "dialect/lifting.h"

#include <algorithm>
#include <numeric>

#include "core/text.h"
#include "model/naming.h"

namespace ballast {

void Lifting::reserve(std::size_t layers, std::size_t tensors) {
    model.layers.reserve(layers);
    tensors_.reserve(tensors);
    slots_.reserve(tensors);
}

LayerId Lifting::add_layer(LayerId parent, Edge::Kind kind, std::string edge_key) {
    const auto id = static_cast<LayerId>(model.layers.size());
    model.layers.emplace_back();
    model.layers[parent].edges.push_back({kind, std::move(edge_key), id});
    return id;
}

void Lifting::add_slot(Place place, LayerId layer, std::size_t position, TensorInfo&& tensor) {
    slots_.push_back(
        {static_cast<std::uint32_t>(tensors_.size()), place, layer, static_cast<std::uint32_t>(position)});
    tensors_.push_back(std::move(tensor));
}

void Lifting::bind(LayerId layer, std::size_t weight, TensorInfo tensor) {
    add_slot(Place::layer, layer, weight, std::move(tensor));
}

void Lifting::bind_copy(LayerId layer, std::size_t weight) {
    slots_.push_back({static_cast<std::uint32_t>(tensors_.size() - 1), Place::layer, layer,
                      static_cast<std::uint32_t>(weight)});
}

void Lifting::add_weight(LayerId layer, Weight weight, TensorInfo tensor) {
    model.layers[layer].weights.push_back(std::move(weight));
    bind(layer, model.layers[layer].weights.size() - 1, std::move(tensor));
}

void Lifting::add_optimizer_variable(OptimizerVariable variable, TensorInfo tensor) {
    auto& variables = model.optimizer->variables;
    tensor.part = Part::optimizer;
    tensor.role = variable.slot.empty() ? std::to_string(variables.size()) : variable.slot;
    tensor.name = "optimizer/" + tensor.role + (variable.of_weight.empty() ? "" : "/" + variable.of_weight);
    add_slot(Place::optimizer, 0, variables.size(), std::move(tensor));
    variables.push_back(std::move(variable));
}

void Lifting::add_loose(std::string name, TensorInfo&& tensor) {
    tensor.name = name;
    const Part part = tensor.part;
    add_slot(Place::loose, 0, model.loose.size(), std::move(tensor));
    model.loose.push_back({std::move(name), {}, part});
}

void Lifting::name_tensors() {
    const auto [paths, names] = canonical_names(model);
    std::vector<bool> named(tensors_.size());
    for (const Slot& slot : slots_) {
        // The first place names the tensor; the others are copies.
        if (slot.place != Place::layer || named[slot.tensor]) continue;
        named[slot.tensor] = true;
        TensorInfo& tensor = tensors_[slot.tensor];
        tensor.name = names[slot.layer][slot.position];
        tensor.layer = paths[slot.layer];
        tensor.role = model.layers[slot.layer].weights[slot.position].role;
        tensor.part = Part::weight;
    }
}

void Lifting::sort_tensors() {
    const auto less = [](const TensorInfo& a, const TensorInfo& b) {
        return natural_less(a.stored_name, b.stored_name);
    };
    // Most walks meet the tensors in this order already.
    if (std::is_sorted(tensors_.begin(), tensors_.end(), less)) return;
    std::vector<std::uint32_t> order(tensors_.size());
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return less(tensors_[a], tensors_[b]); });
    std::vector<std::uint32_t> place(order.size());
    std::vector<TensorInfo> sorted;
    sorted.reserve(order.size());
    for (const std::uint32_t position : order) {
        place[position] = static_cast<std::uint32_t>(sorted.size());
        sorted.push_back(std::move(tensors_[position]));
    }
    tensors_ = std::move(sorted);
    for (Slot& slot : slots_)
        slot.tensor = place[slot.tensor];
}

void Lifting::put(const Slot& slot, TensorExpr value) {
    switch (slot.place) {
        case Place::layer:
            model.layers[slot.layer].weights[slot.position].value = std::move(value);
            break;
        case Place::optimizer:
            model.optimizer->variables[slot.position].value = std::move(value);
            break;
        case Place::loose:
            model.loose[slot.position].value = std::move(value);
            break;
    }
}

ArchiveContents Lifting::finish(IndexOrder order) {
    if (model.has_layers()) name_tensors();
    if (order == IndexOrder::natural) sort_tensors();
    ArchiveContents contents;
    contents.index = Index::make(std::move(tensors_), blobs);
    model.assets = std::move(blobs);
    for (const Slot& slot : slots_)
        put(slot, contents.index->ref(slot.tensor));
    slots_.clear();
    contents.model = std::make_shared<Model>(std::move(model));
    contents.warnings = std::move(warnings);
    contents.problems = std::move(problems);
    return contents;
}

}  // namespace ballast
