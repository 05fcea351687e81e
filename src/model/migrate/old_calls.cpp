// SPDX-License-Identifier: Apache-2.0
// Calls of Keras 2's functional models, see old_calls.h.
#include "model/migrate/old_calls.h"

#include <algorithm>
#include <charconv>

#include "model/migrate/graph.h"

namespace ballast::migrate {
namespace {

Tree bare(const Tree& leaf) {
    return Tree::Array{leaf.at(0), leaf.at(1), leaf.at(2)};
}

std::int64_t number(std::string_view text) {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

}  // namespace

std::string key_of(const Tree& leaf) {
    const auto part = [&](std::size_t at) { return std::to_string(leaf.at(at).as_int64().value_or(0)); };
    return std::string(leaf.at(0).as_string()) + '\n' + part(1) + '\n' + part(2);
}

std::string layer_of(const std::string& key) {
    return key.substr(0, key.find('\n'));
}

std::vector<std::string> tensors_of(const Tree& call) {
    std::vector<std::string> tensors;
    std::vector<const Tree*> pending = {&call};
    while (!pending.empty()) {
        const Tree& value = *pending.back();
        pending.pop_back();
        if (is_leaf(value)) {
            if (value.at(0).as_string() != "_CONSTANT_VALUE") tensors.push_back(key_of(value));
            const auto& arguments = value.at(3).members();
            for (auto at = arguments.rbegin(); at != arguments.rend(); ++at)
                pending.push_back(&at->second);
            continue;
        }
        const auto& items = value.items();
        for (auto at = items.rbegin(); at != items.rend(); ++at)
            pending.push_back(&*at);
    }
    return tensors;
}

Tree reference_to(const std::string& key) {
    const std::size_t first = key.find('\n'), second = key.rfind('\n');
    const std::string_view text = key;
    return Tree::Array{key.substr(0, first), number(text.substr(first + 1, second - first - 1)),
                       number(text.substr(second + 1))};
}

Tree with_references(const Tree& calls, const std::function<Tree(const Tree& leaf)>& other) {
    if (is_leaf(calls)) {
        if (calls.at(0).as_string() == "_CONSTANT_VALUE") return calls;
        Tree leaf = other(bare(calls));
        if (calls.size() > 3) leaf.push_back(with_references(calls.at(3), other));
        return leaf;
    }
    if (calls.is_array()) {
        Tree items = Tree::array();
        for (const Tree& item : calls.items())
            items.push_back(with_references(item, other));
        return items;
    }
    if (!calls.is_object()) return calls;
    Tree members = Tree::object();
    for (const auto& [key, item] : calls.members())
        members.set(key, with_references(item, other));
    return members;
}

Tree old_layer(std::string_view class_name, Tree config, Tree calls) {
    Tree layer = Tree::object();
    layer.set("class_name", class_name);
    layer.set("name", config["name"]);
    layer.set("config", std::move(config));
    layer.set("inbound_nodes", std::move(calls));
    return layer;
}

LayerNames::LayerNames(const Tree& layers) {
    for (const Tree& layer : layers.items()) {
        const Tree& own = layer["name"].is_string() ? layer["name"] : layer["config"]["name"];
        taken_.insert(std::string(own.as_string()));
    }
}

std::string LayerNames::fresh(const std::string& wanted) {
    std::string name = wanted;
    for (int number = 1; !taken_.insert(name).second; ++number)
        name = wanted + "_" + std::to_string(number);
    return name;
}

}  // namespace ballast::migrate
