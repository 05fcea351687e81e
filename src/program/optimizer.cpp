// SPDX-License-Identifier: Apache-2.0
// A program's optimizer state in Keras 3's order, see optimizer.h.
#include "program/optimizer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <string>
#include <unordered_map>
#include <utility>

#include "ballast/error.h"
#include "model/evaluate.h"
#include "model/optimizer_nested.h"
#include "model/optimizer_order.h"
#include "model/order.h"

namespace ballast {
namespace {

using layout::Framework;

/// Slots that Keras 3 keeps for each weight, one weight after the other, and options that add others behind.
struct KnownSlots {
    std::string_view class_name;
    std::size_t count;
    std::array<std::string_view, 2> unless;
};
constexpr std::array<KnownSlots, 9> known_slots = {{
    {"Adadelta", 2, {}},
    {"Adagrad", 1, {}},
    {"Adam", 2, {"amsgrad"}},
    {"AdamW", 2, {"amsgrad"}},
    {"Adamax", 2, {}},
    {"Ftrl", 2, {}},
    {"Lion", 1, {}},
    {"RMSprop", 1, {"momentum", "centered"}},
    {"SGD", 1, {}},
}};

bool is_set(const Tree& option) {
    return option.as_bool().value_or(false) || option.as_double().value_or(0) != 0;
}

/// How many slots a weight has. `node` is the optimizer in a config.
std::size_t expected_slots(const Tree& node) {
    const std::string name = plain_class(node["class_name"].as_string());
    const auto known = std::ranges::find(known_slots, name, &KnownSlots::class_name);
    const Tree& config = node["config"];
    const bool possible =
        known != known_slots.end() && std::ranges::none_of(known->unless, [&](std::string_view option) {
            return !option.empty() && is_set(config[option]);
        });
    if (!possible)
        throw Error(ErrorCode::unsupported, "no rule for the slots of this " + name + " is known")
            .hint("leave the optimizer out, and keep its state by BackupAndRestore");
    return name == "SGD" && !is_set(config["momentum"]) ? 0 : known->count;
}

const Tree& compiled_with(const Model& model) {
    const Tree& node = model.config["compile_config"]["optimizer"];
    if (node["class_name"].is_string()) return node;
    throw Error(ErrorCode::invalid_argument,
                "the config is of a model that is not compiled: Keras would not look at an optimizer's state")
        .hint("compile the model in Keras before model.to_json(), or leave the optimizer out");
}

void check_slot(const SlotView& slot, const ProgramModel::Place& place, const TensorExpr& value,
                const TensorExpr& weight) {
    const std::string path = std::string(slot.name) + "." + place.tensor->path;
    if (value.empty())
        throw Error(ErrorCode::invalid_argument, "the slot of a trained weight has no shape yet")
            .tensor(path)
            .hint("give every slot the shape of its weight before saving");
    if (value.shape() != weight.shape())
        throw Error(ErrorCode::shape_mismatch, "the slot's shape " + value.shape().to_string() +
                                                   " is not its weight's, " + weight.shape().to_string())
            .tensor(path);
}

}  // namespace

const TensorInfo* origin_of(const TensorExpr& value) noexcept {
    if (value.op() == TensorExpr::Op::transpose) return origin_of(value.inputs().front());
    return value.source().get();
}

std::vector<SlotView> slot_views(const ProgramOptimizer& optimizer, const ProgramPlaces& model_places) {
    std::vector<SlotView> views;
    for (const ProgramSlot& slot : optimizer.slots) {
        SlotView& view = views.emplace_back();
        view.name = slot.name;
        view.model = slot.tensors.model(view.places);
        const bool alike = std::ranges::equal(view.places, model_places, [](const auto& a, const auto& b) {
            return a.tensor->path == b.tensor->path;
        });
        if (!alike)
            throw Error(ErrorCode::shape_mismatch, "the slot has not the tensors of the model")
                .tensor(slot.name)
                .hint("give it the model's type, and lists as many items");
    }
    return views;
}

void add_optimizer(Model& model, const Model& program, const ProgramPlaces& places,
                   const ProgramOptimizer& optimizer) {
    const Tree& node = compiled_with(model);
    const std::size_t expected = expected_slots(node);
    if (optimizer.slots.size() != expected)
        throw Error(ErrorCode::shape_mismatch, "the optimizer has " + std::to_string(optimizer.slots.size()) +
                                                   " slots for each weight, and the config's " +
                                                   plain_class(node["class_name"].as_string()) + " has " +
                                                   std::to_string(expected));
    std::unordered_map<const TensorInfo*, std::size_t> place_of;
    for (std::size_t i = 0; i < places.size(); ++i)
        place_of.emplace(origin_of(program.layers[places[i].layer].weights[places[i].weight].value), i);
    Optimizer state;
    state.class_name = plain_class(node["class_name"].as_string());
    state.flavor = "keras3";
    state.variables.push_back(constant(optimizer.iteration));
    const Tree& rate = node["config"]["learning_rate"];
    if (!rate.is_object())
        state.variables.push_back(
            constant(static_cast<float>(optimizer.learning_rate.value_or(rate.as_double().value_or(0)))));
    const std::vector<SlotView> slots = slot_views(optimizer, places);
    for (const WeightRef& ref : trainable_weights(model, Framework::keras3)) {
        const TensorExpr& weight = model.layers[ref.layer].weights[ref.weight].value;
        const auto found = place_of.find(origin_of(weight));
        if (found == place_of.end())
            throw Error(ErrorCode::unsupported, "a trained weight is not one tensor of the program")
                .tensor(model.layers[ref.layer].name);
        for (const SlotView& slot : slots) {
            const ProgramModel::Place& place = slot.places[found->second];
            const TensorExpr& value = slot.model.layers[place.layer].weights[place.weight].value;
            check_slot(slot, place, value, weight);
            state.variables.push_back({value, {}, {}, {}});
        }
    }
    for (std::size_t i = 0; i < state.variables.size(); ++i)
        state.variables[i].stored_key = "vars/" + std::to_string(i);
    model.optimizer = std::move(state);
}

StateLayout state_layout(const Model& model, std::size_t slots) {
    const Optimizer& optimizer = *model.optimizer;
    if (optimizer.flavor != "keras3" || optimizer.variables.empty())
        throw Error(ErrorCode::unsupported, "the file's optimizer state is not in the order of Keras 3")
            .hint("convert the file to a .keras of Keras 3 first, or load without an optimizer");
    StateLayout result;
    for (const WeightRef& ref : trainable_weights(model, Framework::keras3))
        result.trained.push_back(model.layers[ref.layer].weights[ref.weight].value);
    const std::size_t count = optimizer.variables.size(), of_weights = slots * result.trained.size();
    if (count != 1 + of_weights && count != 2 + of_weights)
        throw Error(ErrorCode::shape_mismatch,
                    "the file's optimizer has " + std::to_string(count) + " variables, and " +
                        std::to_string(slots) + " slots for each of the " +
                        std::to_string(result.trained.size()) + " trained weights make " +
                        std::to_string(of_weights + 1) + " or one more");
    result.iteration = optimizer.variables[0].value;
    result.first_slot = count - of_weights;
    if (result.first_slot == 2) result.learning_rate = optimizer.variables[1].value;
    return result;
}

double read_number(const TensorExpr& value) {
    if (value.shape().element_count() != 1)
        throw Error(ErrorCode::shape_mismatch, "a number of the optimizer is an array");
    std::array<std::byte, sizeof(double)> bytes{};
    evaluate(value.dtype() == DType::float64 ? value : TensorExpr::cast(value, DType::float64), 0, bytes);
    return std::bit_cast<double>(bytes);
}

std::int64_t read_count(const TensorExpr& value) {
    if (value.shape().element_count() != 1)
        throw Error(ErrorCode::shape_mismatch, "the optimizer's iteration is an array");
    std::array<std::byte, sizeof(std::int64_t)> bytes{};
    evaluate(value.dtype() == DType::int64 ? value : TensorExpr::cast(value, DType::int64), 0, bytes);
    return std::bit_cast<std::int64_t>(bytes);
}

}  // namespace ballast
