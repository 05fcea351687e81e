// SPDX-License-Identifier: Apache-2.0
// Padded tf-idf weights, see padded_idf.h.
#include "convert/padded_idf.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ballast/error.h"
#include "convert/vocabulary_file.h"
#include "model/evaluate.h"

namespace ballast {
namespace {

struct Fitted {
    Tree words, weights;
};

bool is_fitted_and_padded(const Tree& config) {
    return config["output_mode"].as_string() == "tf_idf" && config["pad_to_max_tokens"] == Tree(true) &&
           config["vocabulary"].is_null();
}

[[noreturn]] void refuse(ErrorCode code, const Layer& layer, const std::string& message) {
    throw Error(code, "layer '" + layer.name + "' (" + layer.class_name + "): " + message).tensor(layer.name);
}

/// The weights of the words, without those of the padding.
Tree weights_of(const Layer& layer, const TensorExpr& value, std::size_t count, const Limits& limits) {
    if (value.dtype() != DType::float32 || value.shape().rank() != 1 || value.shape()[0] < count)
        refuse(ErrorCode::damaged, layer, "its idf_weights do not fit its vocabulary");
    if (value.byte_count() > limits.attribute_bytes)
        refuse(ErrorCode::limit_exceeded, layer, "its idf_weights are larger than any that Keras writes");
    std::vector<float> numbers(count);
    evaluate(value, 0, std::as_writable_bytes(std::span(numbers)));
    Tree list = Tree::array();
    for (const float number : numbers) {
        if (!std::isfinite(number)) refuse(ErrorCode::damaged, layer, "its idf_weights are not finite");
        list.push_back(double{number});
    }
    return list;
}

std::optional<Fitted> fitted(const Model& model, const Layer& layer, const Limits& limits) {
    if (!is_lookup(layer.class_name) || !is_fitted_and_padded(layer.config)) return std::nullopt;
    const auto weight = std::ranges::find(layer.weights, "idf_weights", &Weight::role);
    if (weight == layer.weights.end() || weight->value.empty()) return std::nullopt;
    auto words = words_in(model.assets, "assets/" + layer.stored_key + "/vocabulary.txt",
                          layer.class_name == "IntegerLookup", limits);
    if (!words) return std::nullopt;
    Tree weights = weights_of(layer, weight->value, words->size(), limits);
    return Fitted{std::move(*words), std::move(weights)};
}

/// Config trees are as deep as the reader of JSON lets them be.
void put(Tree& node, const std::map<std::string, Fitted>& all) {
    if (node.is_array()) {
        for (Tree& item : node.mutable_items())
            put(item, all);
        return;
    }
    if (!node.is_object()) return;
    if (is_lookup(node["class_name"].as_string()) && is_fitted_and_padded(node["config"])) {
        Tree& config = *node.find("config");
        const auto known = all.find(std::string(config["name"].as_string()));
        if (known == all.end()) return;
        config.set("vocabulary", known->second.words);
        config.set("idf_weights", known->second.weights);
        return;
    }
    for (auto& [key, value] : node.mutable_members())
        put(value, all);
}

}  // namespace

void write_out_padded_idf(Model& model, const Limits& limits, Report& report) {
    std::map<std::string, Fitted> all;
    std::vector<std::string> folders;
    for (const Layer& layer : model.layers) {
        auto found = fitted(model, layer, limits);
        if (!found) continue;
        if (!all.emplace(layer.name, std::move(*found)).second)
            refuse(ErrorCode::unsupported, layer, "the model has two fitted ones of that name");
        folders.push_back("assets/" + layer.stored_key + "/");
        report.note("layer '" + layer.name + "' (" + layer.class_name +
                    "): its words and their weights went into the config, since Keras 3 does not open padded "
                    "tf-idf weights beside a file of words");
    }
    if (all.empty()) return;
    put(model.config, all);
    for (const std::string& folder : folders)
        std::erase_if(model.assets, [&](const Blob& asset) { return asset.name.starts_with(folder); });
}

}  // namespace ballast
