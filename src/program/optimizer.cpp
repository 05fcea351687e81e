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
#include "model/naming.h"
#include "model/optimizer_nested.h"
#include "model/optimizer_order.h"
#include "model/order.h"

namespace ballast {
namespace {

using layout::Framework;

/// How many slots a weight has. `node` is the optimizer in a config.
std::size_t expected_slots(const Tree& node) {
    if (const auto count = slots_of_weight(node)) return *count;
    throw Error(ErrorCode::unsupported,
                "no rule for the slots of this " + plain_class(node["class_name"].as_string()) + " is known")
        .hint("leave the optimizer out, and keep its state by BackupAndRestore");
}

/// The optimizer in the config, or in the training config beside it.
const Tree& compiled_with(const Model& model) {
    const Tree& node = model.config["compile_config"]["optimizer"];
    if (node["class_name"].is_string()) return node;
    const Tree& beside = model.training_config["optimizer_config"];
    if (beside["class_name"].is_string()) return beside;
    throw Error(ErrorCode::invalid_argument,
                "the config is of a model that is not compiled: Keras would not look at an optimizer's state")
        .hint(
            "compile the model in Keras before model.to_json(), give SaveWeightsOptions::training_config, or "
            "leave the optimizer out");
}

/// tf_keras takes the learning rate from the config.
void set_rate(Model& model, double rate) {
    for (Tree* node : {model.config.find("compile_config"), &model.training_config}) {
        for (const std::string_view key : {"optimizer", "optimizer_config"}) {
            Tree* optimizer = node == nullptr || !node->is_object() ? nullptr : node->find(key);
            Tree* config =
                optimizer == nullptr || !optimizer->is_object() ? nullptr : optimizer->find("config");
            if (config != nullptr && config->is_object()) config->set("learning_rate", rate);
        }
    }
}

/// Whether some slot's weight is not known by its name.
bool has_nameless_slots(const Optimizer& optimizer) {
    return std::ranges::any_of(optimizer.variables, [](const OptimizerVariable& variable) {
        return variable.of_weight.empty() && variable.value.shape().rank() != 0;
    });
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
                   const ProgramOptimizer& optimizer, bool keras3) {
    const Tree node = compiled_with(model);
    const std::string name = plain_class(node["class_name"].as_string());
    const std::size_t expected = expected_slots(node);
    if (optimizer.slots.size() != expected)
        throw Error(ErrorCode::shape_mismatch, "the optimizer has " + std::to_string(optimizer.slots.size()) +
                                                   " slots for each weight, and the config's " + name +
                                                   " has " + std::to_string(expected));
    if (!keras3 && node["config"]["is_legacy_optimizer"].as_bool().value_or(false))
        throw Error(ErrorCode::unsupported,
                    "the config's " + name + " is a legacy optimizer of tf_keras, which keeps more variables")
            .hint("compile the model with one of tf_keras.optimizers, or leave the optimizer out");
    std::unordered_map<const TensorInfo*, std::size_t> place_of;
    for (std::size_t i = 0; i < places.size(); ++i)
        place_of.emplace(origin_of(program.layers[places[i].layer].weights[places[i].weight].value), i);
    Optimizer state;
    state.class_name = name;
    state.config.set("class_name", node["class_name"]);
    state.config.set("config", node["config"]);
    state.flavor = "keras3";
    state.variables.push_back(constant(optimizer.iteration));
    const Tree& rate = node["config"]["learning_rate"];
    if (!rate.is_object()) {
        const double value = optimizer.learning_rate.value_or(rate.as_double().value_or(0));
        state.variables.push_back(constant(static_cast<float>(value)));
        if (!keras3) set_rate(model, value);
    }
    const std::vector<SlotView> slots = slot_views(optimizer, places);
    const auto names = canonical_weight_names(model);
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
            OptimizerVariable variable;
            variable.value = value;
            variable.slot = slot.name;
            variable.of_weight = names[ref.layer][ref.weight];
            state.variables.push_back(std::move(variable));
        }
    }
    if (auto last = behind_slots(state)) state.variables.push_back(*std::move(last));
    for (std::size_t i = 0; i < state.variables.size(); ++i)
        state.variables[i].stored_key = "vars/" + std::to_string(i);
    model.optimizer = std::move(state);
    if (keras3) return;
    const RestatedOptimizer restated = restate_optimizer(model, "tf_keras");
    if (!restated.state)
        throw Error(ErrorCode::unsupported, "tf_keras cannot go on with the optimizer: " + restated.reason)
            .hint("save to a .keras of Keras 3, or leave the optimizer out");
}

StateLayout state_layout(const Model& model, std::size_t slots) {
    Optimizer optimizer = *model.optimizer;
    Framework order = Framework::keras3;
    if (optimizer.flavor != "keras3") {
        if (has_nameless_slots(optimizer)) order = Framework::tf_keras;
        RestatedOptimizer restated = restate_optimizer(model, "keras3");
        if (!restated.state)
            throw Error(ErrorCode::unsupported,
                        "the file's optimizer state cannot be told apart: " + restated.reason)
                .hint(
                    "give the config of the compiled model as LoadWeightsOptions::config, or load without an "
                    "optimizer");
        optimizer = *std::move(restated.state);
    }
    StateLayout result;
    for (const WeightRef& ref : trainable_weights(model, order))
        result.trained.push_back(model.layers[ref.layer].weights[ref.weight].value);
    const std::vector<OptimizerVariable>& variables = optimizer.variables;
    const std::size_t behind = optimizer.class_name == "Nadam" ? 1 : 0;
    const std::size_t of_weights = slots * result.trained.size(), least = 1 + of_weights + behind;
    if (variables.size() != least && variables.size() != least + 1)
        throw Error(ErrorCode::shape_mismatch,
                    "the file's optimizer has " + std::to_string(variables.size()) + " variables, and " +
                        std::to_string(slots) + " slots for each of the " +
                        std::to_string(result.trained.size()) + " trained weights make " +
                        std::to_string(least) + " or one more");
    result.iteration = variables[0].value;
    const std::size_t first_slot = variables.size() - of_weights - behind;
    if (first_slot == 2) result.learning_rate = variables[1].value;
    for (std::size_t i = 0; i < of_weights; ++i)
        result.slots.push_back(variables[first_slot + i].value);
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
