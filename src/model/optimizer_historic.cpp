// SPDX-License-Identifier: Apache-2.0
// Slots of optimizers whose variables have no names, see optimizer_historic.h.
#include "model/optimizer_historic.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace ballast {
namespace {

constexpr std::size_t most_slots = 3;

/// An optimizer's slots in the order in which it lists them: all of the first, then all of the second. The
/// last may be missing, or only keep a place, where the config does not switch it on.
struct HistoricClass {
    std::string_view name;
    std::array<std::string_view, most_slots> slots;
    std::string_view switched_by = {};  ///< key of the config; empty where all slots are of use
};

constexpr HistoricClass classes[] = {
    {"Adadelta", {"accum_grad", "accum_var"}},
    {"Adagrad", {"accumulator"}},
    {"Adam", {"m", "v", "vhat"}, "amsgrad"},
    {"Adamax", {"m", "v"}},
    {"Nadam", {"m", "v"}},
    {"RMSprop", {"rms"}},
    {"SGD", {"momentum"}},
};

/// "training/Adam/Variable_3:0" -> "Variable_3".
std::string_view base_of(std::string_view key) {
    key = key.substr(0, key.rfind(':'));
    const std::size_t slash = key.rfind('/');
    return slash == std::string_view::npos ? key : key.substr(slash + 1);
}

/// "Variable", "Variable_3", "m_3", "m_3_1": a word of ours and numbers behind it.
bool is_numbered(std::string_view key) {
    constexpr std::string_view words[] = {"Variable", "m",      "v",           "vhat",
                                          "u",        "moment", "accumulator", "delta_accumulator"};
    std::string_view base = base_of(key);
    const std::size_t end = base.find_last_not_of("0123456789_");
    if (end == std::string_view::npos) return false;
    const std::string_view word = base.substr(0, end + 1);
    // "Adam/dense/kernel/m:0" is a name of tf_keras' legacy optimizers, and so are two slots "m" of two
    // models.
    const bool within_scopes = std::ranges::count(key, '/') <= 2;
    return within_scopes && std::ranges::find(words, word) != std::end(words) &&
           (word == "Variable" || word.size() < base.size());
}

/// The part of "2.0.5" behind the second dot; 99 for a later minor version.
int patch_of(std::string_view version) {
    constexpr std::string_view first = "2.0.";
    if (!version.starts_with(first)) return 99;
    int patch = 0;
    for (const char c : version.substr(first.size())) {
        if (c < '0' || c > '9' || patch > 9) break;
        patch = patch * 10 + (c - '0');
    }
    return patch;
}

bool is_of_old_keras(std::string_view version) {
    if (version.ends_with("-tf")) return false;
    constexpr std::string_view versions[] = {"2.0.", "2.1.", "2.2.", "2.3."};
    return std::ranges::any_of(versions, [&](std::string_view own) { return version.starts_with(own); });
}

/// The variables of one weight each, behind those of the optimizer as a whole.
struct Slots {
    std::vector<std::size_t> positions;
    std::size_t iteration = none, cache = none;
    static constexpr std::size_t none = static_cast<std::size_t>(-1);
};

Slots slots_of(const Optimizer& optimizer) {
    Slots slots;
    for (std::size_t i = 0; i < optimizer.variables.size(); ++i) {
        const std::string_view base = base_of(optimizer.variables[i].stored_key);
        if (base.starts_with("iterations"))
            slots.iteration = i;
        else if (base.starts_with("m_schedule"))
            slots.cache = i;
        else
            slots.positions.push_back(i);
    }
    return slots;
}

std::string sort_weights(std::vector<TrainedWeight>& weights, const Producer& producer) {
    if (patch_of(producer.keras_version) > 5) return {};  // as the layers come
    std::ranges::sort(weights, {}, &TrainedWeight::stored);
    const auto same = std::ranges::adjacent_find(weights, {}, &TrainedWeight::stored);
    if (same == weights.end()) return {};
    return "Keras before 2.0.6 kept it in the order of the weights' names, and two are called '" +
           same->stored + "'";
}

/// How many of the class's slots the file has; 0 where its variables are not of that class.
std::size_t count_slots(const HistoricClass& known, std::size_t variables, std::size_t weights) {
    const auto named = static_cast<std::size_t>(
        std::ranges::count_if(known.slots, [](std::string_view slot) { return !slot.empty(); }));
    if (weights == 0 || variables % weights != 0) return 0;
    const std::size_t count = variables / weights;
    const bool optional_last = !known.switched_by.empty() && count + 1 == named;
    return count == named || optional_last ? count : 0;
}

bool is_spare(const HistoricClass& known, std::size_t slot, const Optimizer& optimizer) {
    if (known.switched_by.empty() || slot + 1 != most_slots) return false;
    return !optimizer.config["config"][known.switched_by].as_bool().value_or(false);
}

}  // namespace

bool is_historic(const Optimizer& optimizer, std::string_view keras_version) {
    return is_of_old_keras(keras_version) ||
           std::ranges::any_of(optimizer.variables, [](const OptimizerVariable& variable) {
               return is_numbered(variable.stored_key);
           });
}

std::string name_historic_slots(Optimizer& optimizer, std::span<const Shape> shapes,
                                std::vector<TrainedWeight> weights, const Producer& producer) {
    if (!producer.keras_version.starts_with("2."))
        return "its variables have no names, and the file does not say which Keras 2 wrote them";
    if (producer.backend == "theano") return "the Theano backend wrote it, whose kernels are mirrored";
    const auto* known = std::ranges::find(classes, optimizer.class_name, &HistoricClass::name);
    if (known == std::end(classes))
        return "no rule for the nameless variables of '" + optimizer.class_name + "' is known";
    if (std::string reason = sort_weights(weights, producer); !reason.empty()) return reason;
    const Slots found = slots_of(optimizer);
    const std::size_t count = count_slots(*known, found.positions.size(), weights.size());
    if (count == 0)
        return "its " + std::to_string(found.positions.size()) + " variables are not those of an " +
               optimizer.class_name + " for the model's " + std::to_string(weights.size()) +
               " trainable weights";
    for (std::size_t i = 0; i < found.positions.size(); ++i) {
        const TrainedWeight& weight = weights[i % weights.size()];
        const Shape& shape = shapes[found.positions[i]];
        if (shape == weight.shape || is_spare(*known, i / weights.size(), optimizer)) continue;
        return "'" + optimizer.variables[found.positions[i]].stored_key + "' " + shape.to_string() +
               " stands where that of '" + weight.stored + "' " + weight.shape.to_string() + " belongs";
    }
    if (found.iteration != Slots::none) optimizer.variables[found.iteration].slot = "iteration";
    if (found.cache != Slots::none) optimizer.variables[found.cache].slot = "momentum_cache";
    for (std::size_t i = 0; i < found.positions.size(); ++i) {
        OptimizerVariable& variable = optimizer.variables[found.positions[i]];
        const std::size_t slot = i / weights.size();
        variable.slot = is_spare(*known, slot, optimizer) ? unused_slot : known->slots[slot];
        variable.of_weight = weights[i % weights.size()].name;
    }
    return {};
}

std::vector<TensorExpr> as_legacy(Optimizer& optimizer) {
    std::vector<TensorExpr> unused;
    for (OptimizerVariable& variable : optimizer.variables) {
        if (variable.slot == unused_slot) unused.push_back(variable.value);
        variable.stored_key = variable.slot == "iteration" ? "iter" : variable.slot;
    }
    std::erase_if(optimizer.variables,
                  [](const OptimizerVariable& variable) { return variable.slot == unused_slot; });
    optimizer.flavor = "legacy";
    return unused;
}

}  // namespace ballast
