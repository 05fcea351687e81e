// SPDX-License-Identifier: Apache-2.0
// Vocabularies out of assets, see named_vocabulary.h.
#include "convert/named_vocabulary.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ballast/error.h"
#include "ballast/io.h"
#include "dialect/tf_graph.h"

namespace ballast {
namespace {

bool is_lookup(std::string_view class_name) {
    return class_name == "StringLookup" || class_name == "IntegerLookup" || class_name == "TextVectorization";
}

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

const Extent* whole_file(const std::vector<Blob>& assets, std::string_view name) {
    for (const Blob& asset : assets) {
        const auto* extent = std::get_if<Extent>(&asset.bytes);
        if (asset.name == name && extent != nullptr && extent->offset == 0 &&
            extent->length == extent->source->size())
            return extent;
    }
    return nullptr;
}

std::string text_of(const io::Source& source, const Limits& limits) {
    if (source.size() > limits.json_bytes)
        throw Error(ErrorCode::limit_exceeded, "the vocabulary is larger than the limit json_bytes")
            .in(source.path());
    std::string text(static_cast<std::size_t>(source.size()), '\0');
    source.read_at(0, std::as_writable_bytes(std::span(text)));
    return text;
}

/// A word a line; IntegerLookup's are numbers.
Tree words_of(std::string_view text, bool numbers, std::string_view path) {
    Tree list = Tree::array();
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!numbers) {
            list.push_back(Tree(line));
            continue;
        }
        std::int64_t value = 0;
        const auto [stop, failure] = std::from_chars(line.data(), line.data() + line.size(), value);
        if (failure != std::errc() || stop != line.data() + line.size())
            throw Error(ErrorCode::damaged, "the vocabulary of an IntegerLookup holds no number").in(path);
        list.push_back(Tree(value));
    }
    return list;
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
        fitted.front() + ": the vocabulary it was fitted to is in the SavedModel's functions alone";
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
        const Extent* asset = whole_file(model.assets, "assets/" + std::string(file_name(path)));
        if (asset == nullptr)
            refuse(class_name, *config, "which is not in the source and which no .keras may name");
        const std::string text = text_of(*asset->source, limits);
        config->set("vocabulary", words_of(text, class_name == "IntegerLookup", path));
        report.note("layer '" + std::string((*config)["name"].as_string()) + "' (" + class_name +
                    "): its vocabulary was read from the SavedModel's assets");
    }
    for (const auto& entry : path_of)
        std::erase_if(model.assets, [&](const Blob& asset) { return asset.name == "assets/" + entry.first; });
}

}  // namespace ballast
