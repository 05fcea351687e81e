// SPDX-License-Identifier: Apache-2.0
// The variables of a Model as one flat list, see model_tensors.h.
#include "model/model_tensors.h"

#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "model/naming.h"

namespace ballast {
namespace {

std::string optimizer_role(const OptimizerVariable& variable, std::size_t ordinal) {
    return variable.slot.empty() ? std::to_string(ordinal) : variable.slot;
}

void add_weights(const Model& model, std::vector<ModelTensor>& tensors) {
    if (!model.has_layers()) return;
    auto [paths, names] = canonical_names(model);
    std::size_t count = 0;
    for (const Layer& layer : model.layers)
        count += layer.weights.size();
    tensors.reserve(count);
    for (std::size_t layer = 0; layer < model.layers.size(); ++layer) {
        const std::vector<Weight>& weights = model.layers[layer].weights;
        for (std::size_t i = 0; i < weights.size(); ++i) {
            if (weights[i].value.empty()) continue;
            tensors.push_back(
                {&weights[i].value, std::move(names[layer][i]), Part::weight, paths[layer], weights[i].role});
        }
    }
}

void add_optimizer(const Model& model, std::vector<ModelTensor>& tensors) {
    if (!model.optimizer) return;
    const std::vector<OptimizerVariable>& variables = model.optimizer->variables;
    for (std::size_t i = 0; i < variables.size(); ++i) {
        if (variables[i].value.empty()) continue;
        std::string role = optimizer_role(variables[i], i);
        std::string name = "optimizer/" + role;
        if (!variables[i].of_weight.empty()) name += "/" + variables[i].of_weight;
        tensors.push_back({&variables[i].value, std::move(name), Part::optimizer, "", std::move(role)});
    }
}

}  // namespace

std::vector<ModelTensor> model_tensors(const Model& model) {
    std::vector<ModelTensor> tensors;
    add_weights(model, tensors);
    add_optimizer(model, tensors);
    for (const LooseTensor& loose : model.loose) {
        if (!loose.value.empty()) tensors.push_back({&loose.value, loose.name, loose.part, "", ""});
    }
    std::vector<std::string> names;
    names.reserve(tensors.size());
    for (ModelTensor& tensor : tensors)
        names.push_back(std::move(tensor.name));
    make_unique(names);
    for (std::size_t i = 0; i < tensors.size(); ++i)
        tensors[i].name = std::move(names[i]);
    return tensors;
}

std::vector<TensorExpr*> model_values(Model& model) {
    std::vector<TensorExpr*> values;
    const auto add = [&](TensorExpr& value) {
        if (!value.empty()) values.push_back(&value);
    };
    for (Layer& layer : model.layers) {
        for (Weight& weight : layer.weights)
            add(weight.value);
    }
    if (model.optimizer) {
        for (OptimizerVariable& variable : model.optimizer->variables)
            add(variable.value);
    }
    for (LooseTensor& loose : model.loose)
        add(loose.value);
    return values;
}

void make_unique(std::vector<std::string>& names) {
    std::unordered_set<std::string_view> all(names.begin(), names.end());
    if (all.size() == names.size()) return;
    // Names may be moved by what follows: owned copies.
    std::unordered_set<std::string> taken(names.begin(), names.end());
    std::unordered_set<std::string> seen;
    std::unordered_map<std::string, std::uint64_t> last;
    for (std::string& name : names) {
        if (seen.insert(name).second) continue;
        std::uint64_t& number = last.try_emplace(name, 1).first->second;
        std::string fresh;
        do {
            fresh = name + '#' + std::to_string(++number);
        } while (!taken.insert(fresh).second);
        name = std::move(fresh);
    }
}

}  // namespace ballast
