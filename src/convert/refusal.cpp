// SPDX-License-Identifier: Apache-2.0
// Explaining why a conversion is refused, see refusal.h.
#include "convert/refusal.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "dialect/own_layers.h"
#include "model/config.h"

namespace ballast {
namespace {

/// The classes whose config holds the architecture.
constexpr std::array<std::string_view, 3> built_of_layers = {"Sequential", "Functional", "Model"};

std::string own_model_class(const Archive& archive, const Model& model) {
    const std::string_view name = archive.metadata()["model_class"].as_string();
    const bool known = std::ranges::find(built_of_layers, name) != built_of_layers.end();
    return known || model.config["config"]["layers"].is_array() ? std::string() : std::string(name);
}

std::optional<Error> own_layer_problem(const Model& model) {
    try {
        require_places(model, Placing::by_path, "Keras 3");
    } catch (const Error& error) {
        return error;
    }
    return std::nullopt;
}

}  // namespace

Refusal::Refusal(const Archive& archive, const Model& model)
    : archive_(archive), own_model_(own_model_class(archive, model)), own_layer_(own_layer_problem(model)) {
    if (!own_layer_) return;
    for (const Layer& layer : model.layers) {
        if (layer.class_name.empty() || weights_known(layer)) continue;
        for (const Weight& weight : layer.weights)
            if (weight.value.source()) own_tensors_.insert(weight.value.source()->stored_name);
    }
}

void Refusal::explain(const Error& error) const {
    if (error.code() == ErrorCode::lossy && own_tensors_.contains(error.tensor())) throw *own_layer_;
    if (error.code() != ErrorCode::needs_config) throw error;
    std::string message = error.message(), hint = error.hint();
    for (const std::string& warning : archive_.warnings())
        message += "; " + warning;
    if (!own_model_.empty()) {
        message += "; the model is of the program's own class '" + own_model_ +
                   "', whose architecture no file holds";
        hint =
            "fill a file that this program saved in the wanted format: --like FILE; or convert to "
            "safetensors, npz or a TensorFlow checkpoint, which need no architecture";
    }
    Error told(error.code(), std::move(message));
    told.in(error.path().empty() ? archive_.location().display() : error.path())
        .tensor(error.tensor())
        .hint(hint);
    throw told;
}

}  // namespace ballast
