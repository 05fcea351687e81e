// SPDX-License-Identifier: Apache-2.0
// Renaming a layer in a model's config, see config_rename.h.
#include "model/config_rename.h"

#include <vector>

namespace ballast {
namespace {

/// The entries of a container: {"config": {"layers": […]}}, or {"config": […]} as old Sequentials wrote it.
Tree* layer_list(Tree& container) {
    Tree* config = container.find("config");
    if (!config) return nullptr;
    if (config->is_array()) return config;
    Tree* layers = config->find("layers");
    return layers && layers->is_array() ? layers : nullptr;
}

std::string_view name_of(const Tree& entry) {
    const std::string_view own = entry["config"]["name"].as_string();
    return own.empty() ? entry["name"].as_string() : own;
}

Tree* find_entry(Tree& container, std::string_view name) {
    Tree* layers = layer_list(container);
    if (!layers) return nullptr;
    for (Tree& entry : layers->mutable_items())
        if (name_of(entry) == name) return &entry;
    return nullptr;
}

/// ["dense", 0, 0, …]: an output of a layer, in every spelling of inbound_nodes, input_layers, output_layers.
bool refers_to(const Tree& value, std::string_view name) {
    return value.is_array() && value.size() >= 3 && value.at(0).as_string() == name &&
           value.at(1).is_number() && value.at(2).is_number();
}

void rename_references(Tree& root, std::string_view name, std::string_view new_name) {
    std::vector<Tree*> pending = {&root};
    while (!pending.empty()) {
        Tree& value = *pending.back();
        pending.pop_back();
        if (refers_to(value, name)) value.mutable_items()[0] = Tree(new_name);
        if (value.is_array()) {
            for (Tree& item : value.mutable_items())
                pending.push_back(&item);
        } else if (value.is_object()) {
            for (auto& member : value.mutable_members())
                pending.push_back(&member.second);
        }
    }
}

void rename_in_graph(Tree& container, std::string_view name, std::string_view new_name) {
    for (Tree& entry : layer_list(container)->mutable_items())
        if (Tree* nodes = entry.find("inbound_nodes")) rename_references(*nodes, name, new_name);
    for (const std::string_view key : {"input_layers", "output_layers"})
        if (Tree* ends = container.find("config")->find(key)) rename_references(*ends, name, new_name);
}

}  // namespace

bool rename_in_config(Tree& config, std::span<const std::string> path, std::string_view new_name) {
    if (path.empty()) return false;
    Tree* container = &config;
    for (const std::string& name : path.first(path.size() - 1)) {
        container = find_entry(*container, name);
        if (!container) return false;
    }
    Tree* entry = find_entry(*container, path.back());
    if (!entry) return false;
    rename_in_graph(*container, path.back(), new_name);
    if (entry->find("name")) entry->set("name", new_name);
    if (Tree* own = entry->find("config"); own && own->find("name")) own->set("name", new_name);
    return true;
}

}  // namespace ballast
