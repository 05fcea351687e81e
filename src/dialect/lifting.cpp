// SPDX-License-Identifier: Apache-2.0
// Lifting: see lifting.h.
#include "dialect/lifting.h"

#include <algorithm>

#include "core/text.h"
#include "model/naming.h"

namespace ballast {

LayerId Lifting::add_layer(LayerId parent, Edge::Kind kind, std::string edge_key) {
    const auto id = static_cast<LayerId>(model.layers.size());
    model.layers.emplace_back();
    model.layers[parent].edges.push_back({kind, std::move(edge_key), id});
    return id;
}

void Lifting::bind(LayerId layer, std::size_t weight, TensorInfo tensor) {
    slots_.push_back({Place::layer, layer, static_cast<std::uint32_t>(weight), std::move(tensor), {}});
}

void Lifting::bind_copy(LayerId layer, std::size_t weight) {
    slots_.back().copies.emplace_back(layer, static_cast<std::uint32_t>(weight));
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
    slots_.push_back(
        {Place::optimizer, 0, static_cast<std::uint32_t>(variables.size()), std::move(tensor), {}});
    variables.push_back(std::move(variable));
}

void Lifting::add_loose(std::string name, TensorInfo tensor) {
    tensor.name = name;
    const Part part = tensor.part;
    slots_.push_back(
        {Place::loose, 0, static_cast<std::uint32_t>(model.loose.size()), std::move(tensor), {}});
    model.loose.push_back({std::move(name), {}, part});
}

void Lifting::name_tensors() {
    const std::vector<std::string> paths = canonical_layer_paths(model);
    const std::vector<std::vector<std::string>> names = canonical_weight_names(model);
    for (Slot& slot : slots_) {
        if (slot.place != Place::layer) continue;
        slot.tensor.name = names[slot.layer][slot.position];
        slot.tensor.layer = paths[slot.layer];
        slot.tensor.role = model.layers[slot.layer].weights[slot.position].role;
        slot.tensor.part = Part::weight;
    }
}

ArchiveContents Lifting::finish(IndexOrder order) {
    if (model.has_layers()) name_tensors();
    if (order == IndexOrder::natural) {
        std::stable_sort(slots_.begin(), slots_.end(), [](const Slot& a, const Slot& b) {
            return natural_less(a.tensor.stored_name, b.tensor.stored_name);
        });
    }
    std::vector<TensorInfo> tensors;
    tensors.reserve(slots_.size());
    for (Slot& slot : slots_)
        tensors.push_back(std::move(slot.tensor));
    ArchiveContents contents;
    contents.index = Index::make(std::move(tensors));
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        const Slot& slot = slots_[i];
        TensorExpr value = contents.index->ref(i);
        for (const auto& [layer, weight] : slot.copies)
            model.layers[layer].weights[weight].value = value;
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
    slots_.clear();
    contents.model = std::make_shared<const Model>(std::move(model));
    contents.warnings = std::move(warnings);
    contents.problems = std::move(problems);
    return contents;
}

}  // namespace ballast
