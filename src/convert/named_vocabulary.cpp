// SPDX-License-Identifier: Apache-2.0
// Vocabularies out of assets, see named_vocabulary.h.
#include "convert/named_vocabulary.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ballast/error.h"
#include "convert/vocabulary_file.h"
#include "dialect/tf_graph.h"

namespace ballast {
namespace {

std::string_view file_name(std::string_view path) {
    return path.substr(path.find_last_of("/\\") + 1);
}

/// Layers that were fitted to data, by what to call them.
void find_fitted(const Tree& node, std::vector<std::string>& found) {
    for (const Tree& item : node.items())
        find_fitted(item, found);
    const std::string class_name(node["class_name"].as_string());
    const Tree& config = node["config"];
    const auto size = config["vocabulary_size"].as_int64();  // with the places of unknown words
    const bool empty = size && *size <= config["num_oov_indices"].as_int64().value_or(1);
    if (is_lookup(class_name) && config.is_object() && config["vocabulary"].is_null() && !empty)
        found.push_back("layer '" + std::string(config["name"].as_string()) + "' (" + class_name + ")");
    for (const auto& [key, value] : node.members())
        find_fitted(value, found);
}

/// The configs of layers that name a file.
void find_paths(Tree& node, std::vector<std::pair<std::string, Tree*>>& found) {
    if (node.is_array())
        for (Tree& item : node.mutable_items())
            find_paths(item, found);
    if (!node.is_object()) return;
    if (is_lookup(node["class_name"].as_string()) && node["config"]["vocabulary"].is_string())
        found.emplace_back(node["class_name"].as_string(), node.find("config"));
    for (auto& [key, value] : node.mutable_members())
        find_paths(value, found);
}

[[noreturn]] void refuse(const std::string& class_name, const Tree& config, std::string_view reason) {
    throw Error(ErrorCode::unsupported, "layer '" + std::string(config["name"].as_string()) + "' (" +
                                            class_name + "): its vocabulary is the file '" +
                                            std::string(config["vocabulary"].as_string()) + "', " +
                                            std::string(reason))
        .hint("save the model as a SavedModel with tf_keras, which brings the file along, and migrate that");
}

}  // namespace

void require_vocabularies(const Model& model, bool may_lose, Report& report) {
    if (model.producer.dialect != tf_graph::dialect) return;
    std::vector<std::string> fitted;
    find_fitted(model.config, fitted);
    if (fitted.empty()) return;
    const std::string text =
        fitted.front() + ": the SavedModel's functions do not tell the vocabulary it was fitted to";
    if (may_lose) return report.warn(text + ", and is lost");
    throw Error(ErrorCode::unsupported, text)
        .hint(
            "load the SavedModel with tf_keras, save it there as .keras, which holds vocabularies, and "
            "convert "
            "that");
}

void write_out_vocabularies(Model& model, const Limits& limits, Report& report) {
    std::vector<std::pair<std::string, Tree*>> named;
    find_paths(model.config, named);
    std::map<std::string, std::string> path_of;  // of a file's name
    for (const auto& [class_name, config] : named) {
        const std::string path((*config)["vocabulary"].as_string());
        const auto [other, fresh] = path_of.emplace(file_name(path), path);
        if (!fresh && other->second != path)
            refuse(class_name, *config, "and another one is of the same name");
    }
    for (const auto& [class_name, config] : named) {
        const std::string path((*config)["vocabulary"].as_string());
        auto words = words_in(model.assets, "assets/" + std::string(file_name(path)),
                              class_name == "IntegerLookup", limits);
        if (!words) refuse(class_name, *config, "which is not in the source and which no .keras may name");
        config->set("vocabulary", std::move(*words));
        report.note("layer '" + std::string((*config)["name"].as_string()) + "' (" + class_name +
                    "): its vocabulary was read from the SavedModel's assets");
    }
    for (const auto& entry : path_of)
        std::erase_if(model.assets, [&](const Blob& asset) { return asset.name == "assets/" + entry.first; });
}

}  // namespace ballast
