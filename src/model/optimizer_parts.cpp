// SPDX-License-Identifier: Apache-2.0
// An optimizer's variables by what they are, see optimizer_parts.h.
#include "model/optimizer_parts.h"

#include <algorithm>
#include <utility>

#include "model/optimizer_nested.h"
#include "model/optimizer_slots.h"

namespace ballast::optimizer_parts {
namespace {

constexpr std::array<ClassOrder, 11> classes = {{
    {"Adafactor", "", 0, {}},
    {"Adadelta", "accum_grad accum_var", 2, {}},
    {"Adagrad", "accumulator", 1, {}},
    {"Adam", "m v|vhat", 2, {"amsgrad"}},
    {"AdamW", "", 2, {"amsgrad"}},
    {"Adamax", "m v", 2, {}},
    {"Ftrl", "accumulator linear", 2, {}},
    {"Lion", "", 1, {}},
    {"Nadam", "m v", 2, {}},
    {"RMSprop", "rms|momentum|mg", 1, {"momentum", "centered"}},
    {"SGD", "momentum", 1, {}},
}};

}  // namespace

const ClassOrder* order_of(std::string_view class_name) {
    const auto found = std::ranges::find(classes, class_name, &ClassOrder::name);
    return found == classes.end() ? nullptr : &*found;
}

bool is_scalar(const OptimizerVariable& variable) {
    return variable.value.shape().rank() == 0;
}

bool is_scalar_float(const OptimizerVariable& variable) {
    return is_scalar(variable) && info(variable.value.dtype()).cls == DTypeClass::floating;
}

const Tree& option(const Optimizer& optimizer, std::string_view key) {
    return optimizer.config["config"][key];
}

RestatedOptimizer refused(std::string reason) {
    RestatedOptimizer result;
    result.reason = std::move(reason);
    return result;
}

std::string_view slot_of(const OptimizerVariable& variable) {
    std::string_view key = variable.stored_key;
    key = key.substr(0, key.rfind(':'));
    const std::size_t slash = key.rfind('/');
    return slash == std::string_view::npos ? key : key.substr(slash + 1);
}

bool is_legacy(const Optimizer& optimizer) {
    return optimizer.flavor == "legacy" ||
           (!optimizer.variables.empty() && slot_of(optimizer.variables.front()) == "iter");
}

Variables with_slot(const Variables& variables, std::string_view slot) {
    Variables found;
    for (const OptimizerVariable& variable : variables)
        if (slot_of(variable) == slot) found.push_back(variable);
    return found;
}

Parts parts_of(const Optimizer& optimizer) {
    Parts parts;
    const bool legacy = is_legacy(optimizer);
    for (const OptimizerVariable& variable : optimizer.variables) {
        const bool single = is_scalar(variable) && variable.of_weight.empty();
        if (single && parts.iteration == nullptr &&
            (variable.slot == "iteration" || !legacy || slot_of(variable) == "iter"))
            parts.iteration = &variable;
        else if (single && variable.slot == "learning_rate")
            parts.rate = &variable;
        else if (single && (legacy || is_beside(variable)))
            parts.others.push_back(variable.value);
        else
            parts.slots.push_back(variable);
    }
    return parts;
}

}  // namespace ballast::optimizer_parts
