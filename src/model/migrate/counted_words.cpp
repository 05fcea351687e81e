// SPDX-License-Identifier: Apache-2.0
// TextVectorization that counts words, see counted_words.h.
#include "model/migrate/counted_words.h"

#include <algorithm>
#include <map>
#include <string>

#include "model/migrate/graph.h"
#include "model/migrate/old_calls.h"

namespace ballast::migrate {
namespace {

/// Texts that come as (n) have no axis to drop.
bool gives_plain_texts(const Tree& layer) {
    return layer["class_name"].as_string() == "InputLayer" &&
           layer["config"]["batch_input_shape"].size() == 1;
}

Tree flatten_config(const std::string& name) {
    Tree config = Tree::object();
    config.set("name", name);
    config.set("trainable", true);
    config.set("dtype", "float32");
    config.set("data_format", "channels_last");
    return config;
}

void tell(Context& context, const Tree& layer) {
    context.note(NoteKind::replaced,
                 {context.path + std::string(layer["config"]["name"].as_string()),
                  std::string(layer["class_name"].as_string())},
                 "of texts that come as (n, 1) Keras 3 expects (n, 1, words): a Flatten after it makes that "
                 "(n, words)");
}

}  // namespace

bool counts_words(const Tree& layer) {
    const Tree& config = layer["config"];
    const std::string_view mode = config["output_mode"].as_string();
    const bool splits = config.find("split") == nullptr || !config["split"].is_null();
    return layer["class_name"].as_string() == "TextVectorization" && splits && !mode.empty() && mode != "int";
}

Tree with_flat_counts(Context& context, const Tree& config) {
    const Tree& layers = config["layers"];
    if (std::ranges::none_of(layers.items(), counts_words)) return config;
    LayerNames names(layers);
    std::map<std::string, bool> plain;  // by layer
    for (const Tree& layer : layers.items())
        plain[std::string(layer["name"].as_string())] = gives_plain_texts(layer);
    std::map<std::string, Tree> replaced;  // by tensor
    Tree flattened = Tree::array();
    for (const Tree& layer : layers.items()) {
        if (!counts_words(layer)) continue;
        const std::string name(layer["name"].as_string());
        Tree calls = Tree::array();
        std::int64_t number = 0;
        const std::string flat = names.fresh(name + "_flat");
        for (const Tree& call : layer["inbound_nodes"].items()) {
            const Tree made = Tree::Array{name, number++, 0};
            const auto given = tensors_of(call);
            if (!given.empty() && plain[layer_of(given.front())]) continue;
            replaced[key_of(made)] = Tree::Array{flat, static_cast<std::int64_t>(calls.size()), 0};
            Tree leaf = made;
            leaf.push_back(Tree::object());
            calls.push_back(Tree::Array{std::move(leaf)});
        }
        if (calls.size() == 0) continue;
        tell(context, layer);
        flattened.push_back(old_layer("Flatten", flatten_config(flat), std::move(calls)));
    }
    if (flattened.size() == 0) return config;
    const auto other = [&](const Tree& leaf) {
        const auto found = replaced.find(key_of(leaf));
        return found == replaced.end() ? leaf : found->second;
    };
    Tree reading = Tree::array();
    for (const Tree& layer : layers.items()) {
        Tree copy = layer;
        copy.set("inbound_nodes", with_references(layer["inbound_nodes"], other));
        reading.push_back(std::move(copy));
    }
    for (Tree& layer : flattened.mutable_items())
        reading.push_back(std::move(layer));
    Tree result = config;
    result.set("layers", std::move(reading));
    result.set("output_layers", with_references(config["output_layers"], other));
    return result;
}

Tree with_flat_counts_in_sequence(Context& context, const Tree& layers) {
    LayerNames names(layers);
    Tree result = Tree::array();
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const Tree& layer = layers.at(i);
        result.push_back(layer);
        if (!counts_words(layer) || (i == 1 && gives_plain_texts(layers.at(0)))) continue;
        tell(context, layer);
        Tree flat = Tree::object();
        flat.set("class_name", "Flatten");
        flat.set("config",
                 flatten_config(names.fresh(std::string(layer["config"]["name"].as_string()) + "_flat")));
        result.push_back(std::move(flat));
    }
    return result;
}

}  // namespace ballast::migrate
