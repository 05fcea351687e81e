// SPDX-License-Identifier: Apache-2.0
// Orders of optimizer variables, see optimizer_order.h.
#include "model/optimizer_order.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <iterator>
#include <memory>
#include <span>
#include <utility>

#include "model/evaluate.h"
#include "model/optimizer_historic.h"
#include "model/optimizer_nested.h"
#include "model/optimizer_parts.h"
#include "model/optimizer_slots.h"

namespace ballast {
namespace {

using namespace optimizer_parts;

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(separator), text.size());
        parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

/// The slots of a legacy optimizer in the order of the new ones; nothing where they are not as the table
/// says.
std::optional<Variables> reordered_legacy(std::string_view class_name, const Variables& variables) {
    const ClassOrder* order = order_of(class_name);
    if (order == nullptr) return std::nullopt;
    Variables result;
    for (const std::string_view group : split(order->legacy, '|')) {
        std::vector<Variables> slots;
        for (const std::string_view slot : split(group, ' '))
            slots.push_back(with_slot(variables, slot));
        const std::size_t weights = slots.front().size();
        for (const Variables& slot : slots)
            if (slot.size() != weights) return std::nullopt;
        for (std::size_t i = 0; i < weights; ++i)
            for (const Variables& slot : slots)
                result.push_back(slot[i]);
    }
    if (result.size() != variables.size()) return std::nullopt;
    return result;
}

/// Keras 3's Nadam keeps the product of its momentum factors, tf_keras does not store it.
OptimizerVariable nadam_product(const Optimizer& optimizer, const TensorExpr& iteration) {
    std::array<std::byte, 8> bytes{};
    evaluate(TensorExpr::cast(iteration, DType::int64), 0, bytes);
    std::int64_t steps = 0;
    std::memcpy(&steps, bytes.data(), sizeof steps);
    const double beta = option(optimizer, "beta_1").as_double().value_or(0.9);
    double product = 1;
    for (std::int64_t i = 1; i <= steps && product > 0; ++i)
        product *= beta * (1 - 0.5 * std::pow(0.96, static_cast<double>(i)));
    return constant(static_cast<float>(product));
}

/// `decays` where the learning rate is no schedule that does.
void note_differences(const Optimizer& optimizer, bool decays, RestatedOptimizer& result) {
    if (optimizer.class_name == "Nadam")
        result.notes.push_back(
            "Nadam goes on a little otherwise in Keras 3, which computes its momentum product by another "
            "rule");
    if (!decays) return;
    if (option(optimizer, "decay").as_double().value_or(0) != 0)
        result.notes.push_back(
            "the optimizer's `decay` has no equal in Keras 3: give it a learning rate schedule");
}

/// False for an SGD without momentum: then Keras 3 has no slots. tf_keras' new SGD always has.
bool keeps_slots(const Optimizer& optimizer) {
    return optimizer.class_name != "SGD" || option(optimizer, "momentum").is_null() ||
           option(optimizer, "momentum").as_double().value_or(0) != 0;
}

/// The learning rate as Keras 3 has it: nothing for a schedule. Throws nothing; `known` says whether anything
/// tells.
std::optional<OptimizerVariable> rate_of(const Optimizer& optimizer, const Parts& parts, bool& known) {
    known = true;
    if (parts.rate != nullptr) return *parts.rate;
    const Tree& named = option(optimizer, "learning_rate");
    const Tree& rate = named.is_null() ? option(optimizer, "lr") : named;
    known = !rate.is_null();
    const auto value = rate.as_double();
    return value ? std::optional(constant(static_cast<float>(*value))) : std::nullopt;
}

/// Keras 3 counts in int64, Keras before 2.0.7 did in float32: a number that has to be read.
OptimizerVariable counter(const OptimizerVariable& iteration) {
    const TensorExpr& value = iteration.value;
    if (info(value.dtype()).cls != DTypeClass::floating) {
        OptimizerVariable result = iteration;
        if (value.dtype() != DType::int64) result.value = TensorExpr::cast(value, DType::int64);
        return result;
    }
    std::array<std::byte, sizeof(double)> bytes{};
    evaluate(value.dtype() == DType::float64 ? value : TensorExpr::cast(value, DType::float64), 0, bytes);
    const auto steps = std::bit_cast<double>(bytes);
    constexpr double most = 9007199254740992.0;  // beyond it not every whole number is one
    return constant(steps >= 0 && steps <= most ? static_cast<std::int64_t>(steps) : 0);
}

/// Keras 3's Adafactor has a row and a column for vectors too, which it never uses; tf_keras' has none.
std::optional<Variables> with_places(const Variables& slots, const std::vector<Shape>& weights) {
    Variables result;
    std::size_t next = 0;
    for (const Shape& weight : weights) {
        const std::size_t count = weight.rank() < 2 ? 1 : 3;
        if (slots.size() - next < count || slots[next + count - 1].value.shape() != weight)
            return std::nullopt;
        for (std::size_t place = count; place < 3; ++place)
            result.push_back(constant(std::int32_t{0}));
        result.insert(result.end(), slots.begin() + static_cast<std::ptrdiff_t>(next),
                      slots.begin() + static_cast<std::ptrdiff_t>(next + count));
        next += count;
    }
    if (next != slots.size()) return std::nullopt;
    return result;
}

RestatedOptimizer to_keras3(const Optimizer& optimizer, bool scheduled, const std::vector<Shape>& weights) {
    const Parts parts = parts_of(optimizer);
    const bool legacy = is_legacy(optimizer);
    bool known = false;
    const auto rate = scheduled ? std::nullopt : rate_of(optimizer, parts, known);
    if (parts.iteration == nullptr) return refused("it has no iteration");
    if ((!known && !scheduled) || (legacy && optimizer.class_name.empty()))
        return refused(
            "the file tells neither its class nor its learning rate; give the whole model: --config "
            "MODEL.h5");
    if (!optimizer.class_name.empty() && order_of(optimizer.class_name) == nullptr)
        return refused("no rule for the variables of " + optimizer.class_name + " in Keras 3 is known");
    auto slots = legacy ? reordered_legacy(optimizer.class_name, parts.slots) : std::optional(parts.slots);
    if (!slots) return refused("its variables are not those of a legacy " + optimizer.class_name);
    if (optimizer.class_name == "Adafactor") slots = with_places(*slots, weights);
    if (!slots) return refused("its variables are not those of an Adafactor for the model's weights");
    RestatedOptimizer result;
    Optimizer& state = result.state.emplace();
    state.class_name = optimizer.class_name;
    state.flavor = "keras3";
    const OptimizerVariable iteration = counter(*parts.iteration);
    state.variables.push_back(iteration);
    if (info(parts.iteration->value.dtype()).cls == DTypeClass::floating)
        result.read.push_back(parts.iteration->value);
    if (rate) state.variables.push_back(*rate);
    result.unused = parts.others;
    for (OptimizerVariable& variable : *slots) {
        if (keeps_slots(optimizer))
            state.variables.push_back(std::move(variable));
        else
            result.unused.push_back(variable.value);
    }
    if (optimizer.class_name == "Nadam") state.variables.push_back(nadam_product(optimizer, iteration.value));
    note_differences(optimizer, legacy && !scheduled, result);
    return result;
}

RestatedOptimizer to_tf_keras(const Optimizer& optimizer, const std::vector<Shape>& weights) {
    const Variables& all = optimizer.variables;
    if (all.empty() || !is_scalar(all.front()))
        return refused("its variables do not begin with the iteration");
    RestatedOptimizer result;
    Optimizer& state = result.state.emplace();
    state.class_name = optimizer.class_name;
    state.flavor = "tf_keras";
    state.variables.push_back(all.front());
    std::size_t begin = 1, end = all.size();
    if (begin < end && is_scalar_float(all[begin])) result.unused.push_back(all[begin++].value);
    if (begin + 1 < end && is_scalar_float(all[end - 1]))
        result.unused.push_back(all[--end].value);      // Nadam's product
    if (begin == end && optimizer.class_name == "SGD")  // its momentum, which is kept when it is not used
        std::ranges::transform(weights, std::back_inserter(state.variables), zeros);
    else if (begin == end)
        return refused("tf_keras' optimizers have slots, and this one has none");
    for (std::size_t i = begin; i < end; ++i) {
        if (optimizer.class_name == "Adafactor" && is_scalar(all[i]) && !is_scalar_float(all[i])) {
            result.unused.push_back(all[i].value);
            continue;
        }
        if (is_scalar(all[i])) return refused("no rule for its single variables in tf_keras is known");
        state.variables.push_back(all[i]);
    }
    return result;
}

/// The optimizer in the config that goes along; null without one.
const Tree& compiled_with(const Model& model) {
    return model.config["compile_config"]["optimizer"];
}

/// Whether it has a schedule for a learning rate, which then is no variable.
bool is_scheduled(const Tree& optimizer) {
    return optimizer["config"]["learning_rate"].is_object();
}

/// Slots of an old Keras under the names that tf_keras' legacy optimizers have; `state` stays empty.
RestatedOptimizer as_named(Optimizer& optimizer) {
    RestatedOptimizer result;
    for (const OptimizerVariable& variable : optimizer.variables)
        if (variable.slot.empty())
            return refused(
                "a Keras before 2.4 wrote it, and which weight its variables belong to is not known");
    result.unused = as_legacy(optimizer);
    if (optimizer.class_name == "Adagrad")
        result.notes.push_back(
            "Adagrad began at zero and adds its epsilon elsewhere in Keras 3: small gradients step a little "
            "otherwise");
    const bool counted = std::ranges::any_of(
        optimizer.variables, [](const OptimizerVariable& variable) { return variable.slot == "iteration"; });
    if (counted) return result;
    OptimizerVariable iteration = constant(std::int64_t{0});
    iteration.slot = "iteration";
    optimizer.variables.insert(optimizer.variables.begin(), std::move(iteration));
    result.notes.push_back("this " + optimizer.class_name +
                           " did not keep the number of its steps: Keras 3 counts from 0");
    return result;
}

/// An optimizer that is not within another. `compiled` is its node in the config that goes along.
RestatedOptimizer restate_single(const Model& model, Optimizer optimizer, const Tree& compiled, bool keras3) {
    const auto framework = keras3 ? layout::Framework::keras3 : layout::Framework::tf_keras;
    if (!order_slots(model, framework, optimizer))
        return refused("its slots are not those of the weights that are trained");
    RestatedOptimizer named;
    if (keras3 && is_historic(optimizer, model.producer.keras_version)) named = as_named(optimizer);
    if (!named.reason.empty()) return named;
    RestatedOptimizer result =
        keras3 ? to_keras3(optimizer, is_scheduled(compiled), trained_shapes(model, framework))
               : to_tf_keras(optimizer, trained_shapes(model, framework));
    if (!result.state) return result;
    result.unused.insert(result.unused.end(), named.unused.begin(), named.unused.end());
    result.notes.insert(result.notes.end(), named.notes.begin(), named.notes.end());
    for (OptimizerVariable& variable : result.state->variables)
        variable.stored_key = variable.slot = variable.of_weight = {};
    return result;
}

}  // namespace

std::string plain_class(std::string_view name) {
    return std::string(name.substr(name.rfind('>') + 1));
}

std::optional<std::size_t> slots_of_weight(const Tree& optimizer) {
    const Tree& config = optimizer["config"];
    const auto is_set = [&config](std::string_view name) {
        if (name.empty()) return false;
        return config[name].as_bool().value_or(false) || config[name].as_double().value_or(0) != 0;
    };
    const std::string name = plain_class(optimizer["class_name"].as_string());
    const ClassOrder* order = order_of(name);
    if (order == nullptr || order->slots == 0 || std::ranges::any_of(order->unless, is_set))
        return std::nullopt;
    return name == "SGD" && !is_set("momentum") ? 0 : order->slots;
}

std::optional<OptimizerVariable> behind_slots(const Optimizer& optimizer) {
    if (optimizer.class_name != "Nadam" || optimizer.variables.empty()) return std::nullopt;
    return nadam_product(optimizer, optimizer.variables.front().value);
}

RestatedOptimizer restate_optimizer(const Model& model, std::string_view flavor) {
    const bool keras3 = flavor == "keras3";
    const Tree& compiled = compiled_with(model);
    if (!is_nested(*model.optimizer)) return restate_single(model, *model.optimizer, compiled, keras3);
    LossScaled parts = unwrapped(*model.optimizer);
    if (!parts.reason.empty()) return refused(parts.reason);
    RestatedOptimizer result =
        restate_single(model, std::move(parts.inner), compiled["config"]["inner_optimizer"], keras3);
    if (!result.state) return result;
    wrap(*result.state, keras3, option(*model.optimizer, "initial_scale").as_double());
    result.read.insert(result.read.end(), parts.copies.begin(), parts.copies.end());
    result.unused.insert(result.unused.end(), parts.own.begin(), parts.own.end());
    return result;
}

RestatedOptimizer group_legacy(const Optimizer& optimizer) {
    const ClassOrder* order = order_of(optimizer.class_name);
    const Parts parts = parts_of(optimizer);
    if (order == nullptr || parts.iteration == nullptr)
        return refused("no rule for the variables of a legacy " + optimizer.class_name + " is known");
    RestatedOptimizer result;
    Optimizer& state = result.state.emplace();
    state.class_name = optimizer.class_name;
    state.flavor = "legacy";
    state.variables.push_back(*parts.iteration);
    for (const OptimizerVariable& variable : optimizer.variables) {
        const bool single = is_scalar(variable) && variable.of_weight.empty() && variable.slot != "iteration";
        if (!single) continue;
        if (variable.slot == "momentum_cache")  // Nadam's only one that is no setting
            state.variables.push_back(variable);
        else
            result.unused.push_back(variable.value);
    }
    std::string_view names = order->legacy;
    if (optimizer.class_name == "Ftrl") {  // the one that alternates
        state.variables.insert(state.variables.end(), parts.slots.begin(), parts.slots.end());
        names = {};
    }
    std::size_t found = names.empty() ? parts.slots.size() : 0;
    for (const std::string_view group : split(names, '|')) {
        for (const std::string_view name : split(group, ' ')) {
            for (OptimizerVariable& variable : with_slot(parts.slots, name)) {
                state.variables.push_back(std::move(variable));
                ++found;
            }
        }
    }
    if (found != parts.slots.size())
        return refused("its variables are not those of a legacy " + optimizer.class_name);
    return result;
}

}  // namespace ballast
