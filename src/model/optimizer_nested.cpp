// SPDX-License-Identifier: Apache-2.0
// Optimizers within another, see optimizer_nested.h.
#include "model/optimizer_nested.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "model/optimizer_order.h"

namespace ballast {
namespace {

constexpr std::string_view inner_vars = "inner_optimizer/vars/";
constexpr double default_scale = 32768;  // Keras' own
constexpr std::size_t own_of_keras3 = 4;

template <class T>
OptimizerVariable stored(T value, DType dtype) {
    auto bytes = std::make_shared<std::array<std::byte, sizeof value>>();
    std::memcpy(bytes->data(), &value, sizeof value);
    auto tensor = std::make_shared<TensorInfo>();
    tensor->dtype = dtype;
    tensor->stored_bytes = sizeof value;
    tensor->storage.layout = InlineBytes{bytes, *bytes};
    return {TensorExpr(TensorRef(std::move(tensor))), {}, {}, {}};
}

bool is_inner(const OptimizerVariable& variable) {
    return variable.stored_key.starts_with(inner_vars);
}

/// The outer optimizer's list, whose first `own` are its own, and the inner one's behind it.
void add_copies(std::vector<OptimizerVariable>& variables, std::size_t own) {
    const std::size_t count = variables.size();
    for (std::size_t i = own; i < count; ++i) {
        variables.push_back(variables[i]);
        variables.back().stored_key = std::string(inner_vars) + std::to_string(i - own);
    }
    for (std::size_t i = 0; i < count; ++i)
        variables[i].stored_key = "vars/" + std::to_string(i);
}

}  // namespace

OptimizerVariable zeros(const Shape& shape) {
    auto tensor = std::make_shared<TensorInfo>();
    tensor->dtype = DType::float32;
    tensor->shape = shape;
    return {TensorExpr(TensorRef(std::move(tensor))), {}, {}, {}};
}

bool is_beside(const OptimizerVariable& variable) {
    return variable.of_weight.empty() && variable.value.shape().rank() == 0 && !variable.slot.empty() &&
           variable.slot != "iteration";
}

OptimizerVariable constant(float value) {
    return stored(value, DType::float32);
}
OptimizerVariable constant(std::int32_t value) {
    return stored(value, DType::int32);
}
OptimizerVariable constant(std::int64_t value) {
    return stored(value, DType::int64);
}

bool is_nested(const Optimizer& optimizer) {
    return optimizer.class_name.starts_with("LossScaleOptimizer") ||
           std::ranges::any_of(optimizer.variables, [](const OptimizerVariable& variable) {
               return variable.stored_key.find("/vars/") != std::string::npos;
           });
}

LossScaled unwrapped(const Optimizer& optimizer) {
    LossScaled parts;
    const Tree& node = optimizer.config["config"]["inner_optimizer"];
    if (!optimizer.class_name.starts_with("LossScaleOptimizer") || !node["class_name"].is_string()) {
        parts.reason =
            "the variables of an optimizer within another are nested, and the config does not tell which";
        return parts;
    }
    parts.inner.class_name = plain_class(node["class_name"].as_string());
    parts.inner.config = node;
    parts.inner.flavor = optimizer.flavor;
    const bool keras3 = optimizer.flavor == "keras3";
    for (const OptimizerVariable& variable : optimizer.variables) {
        if (is_inner(variable)) {
            parts.copies.push_back(variable.value);
        } else if (keras3 && parts.own.size() < own_of_keras3) {
            parts.own.push_back(variable.value);
        } else {
            parts.inner.variables.push_back(variable);
            std::string& key = parts.inner.variables.back().stored_key;
            if (key.starts_with("vars/")) key = key.substr(5);
        }
    }
    if (keras3 && parts.own.size() < own_of_keras3)
        parts.reason = "its variables are not those of a LossScaleOptimizer";
    return parts;
}

void wrap(Optimizer& inner, bool keras3, std::optional<double> initial_scale) {
    if (keras3) {
        const std::vector<OptimizerVariable> own = {
            constant(std::int64_t{0}), constant(0.0F), constant(std::int64_t{0}),
            constant(static_cast<float>(initial_scale.value_or(default_scale)))};
        inner.variables.insert(inner.variables.begin(), own.begin(), own.end());
    }
    add_copies(inner.variables, keras3 ? own_of_keras3 : 0);
    inner.class_name = "LossScaleOptimizer";
}

Optimizer nested(Optimizer optimizer) {
    std::erase_if(optimizer.variables, is_beside);
    const std::size_t own = optimizer.flavor == "keras3" ? own_of_keras3 : 0;
    add_copies(optimizer.variables, std::min(own, optimizer.variables.size()));
    return optimizer;
}

Optimizer without_copies(Optimizer optimizer) {
    std::erase_if(optimizer.variables, is_inner);
    const Tree inner = optimizer.config["config"]["inner_optimizer"];
    optimizer.class_name = plain_class(inner["class_name"].as_string());
    optimizer.config = inner;
    for (OptimizerVariable& variable : optimizer.variables)
        if (variable.stored_key.starts_with("vars/")) variable.stored_key.clear();
    return optimizer;
}

}  // namespace ballast
