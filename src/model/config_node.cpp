// SPDX-License-Identifier: Apache-2.0
// Reading single config nodes, and telling the dialects apart.
#include "model/config_node.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "model/config.h"

namespace ballast {
namespace {

constexpr std::array<std::string_view, 4> keras_packages = {"keras", "tf_keras", "tensorflow", "keras_core"};

std::string_view first_component(std::string_view module) {
    return module.substr(0, module.find('.'));
}

bool is_keras_module(std::string_view module) {
    return std::find(keras_packages.begin(), keras_packages.end(), first_component(module)) !=
           keras_packages.end();
}

/// Package of a node's class: a registered prefix, else the module of a class that is not Keras' own.
std::string package_of(const Tree& node, std::string_view& class_name) {
    std::string package;
    if (const auto mark = class_name.find('>'); mark != std::string_view::npos) {
        package = class_name.substr(0, mark);
        class_name.remove_prefix(mark + 1);
    } else if (const auto registered = node["registered_name"].as_string();
               registered.find('>') != std::string_view::npos) {
        package = registered.substr(0, registered.find('>'));
    } else if (const Tree* module = node.find("module"); module != nullptr) {
        // Python's __main__ is written as null, together with the name the class goes by.
        if (module->is_null() && !registered.empty()) package = "__main__";
        if (module->is_string() && !is_keras_module(module->as_string()))
            package = first_component(module->as_string());
    }
    return package == "keras" ? std::string() : package;
}

std::optional<layout::Framework> framework_of_version(std::string_view version) {
    if (version.empty()) return std::nullopt;
    const auto major = version.substr(0, version.find('.'));
    const bool old = major == "0" || major == "1" || major == "2";
    return old ? layout::Framework::tf_keras : layout::Framework::keras3;
}

/// What one object of a config gives away about who wrote it.
std::optional<layout::Framework> framework_of_object(const Tree& object) {
    using layout::Framework;
    if (object.find("batch_input_shape") != nullptr) return Framework::tf_keras;
    if (object.find("keras_history") != nullptr || object.find("batch_shape") != nullptr)
        return Framework::keras3;
    if (object["class_name"].as_string() == "DTypePolicy") return Framework::keras3;
    if (object["module"].as_string().starts_with("tf_keras")) return Framework::tf_keras;
    if (const Tree& nodes = object["inbound_nodes"]; nodes.is_array() && nodes.size() > 0) {
        return nodes.at(0).is_object() ? Framework::keras3 : Framework::tf_keras;
    }
    return std::nullopt;
}

}  // namespace

bool ConfigNode::is_functional() const {
    return (*config)["layers"].is_array() && config->find("input_layers") != nullptr &&
           config->find("output_layers") != nullptr;
}

bool ConfigNode::is_sequential() const {
    if (class_name == "Sequential" && package.empty()) return true;
    // An .h5 of tf_keras does not say which package a program's own class is of.
    const bool own = !package.empty() || layout::find_class(class_name) == nullptr;
    if (!own || is_functional()) return false;
    const Tree& items = (*config)["layers"];
    if (!items.is_array() || items.size() == 0) return false;
    const Tree& first = items.at(0);
    return config->find("build_input_shape") != nullptr || first["class_name"].as_string() == "InputLayer" ||
           first["config"].find("batch_input_shape") != nullptr;
}

const Tree::Array& ConfigNode::layers() const {
    return config->is_array() ? config->items() : (*config)["layers"].items();
}

bool read_node(const Tree& node, ConfigNode& out) {
    if (!node.is_object()) return false;
    out.class_name = node["class_name"].as_string();
    if (out.class_name.empty()) return false;
    out.package = package_of(node, out.class_name);
    out.module = node["module"].as_string();
    out.config = &node["config"];
    out.name = (*out.config)["name"].as_string();
    if (out.name.empty()) out.name = node["name"].as_string();
    return true;
}

bool is_keras3_operation(const ConfigNode& node, layout::Framework framework) {
    if (node.module.starts_with("keras.src.ops") || node.module.starts_with("keras.ops")) return true;
    if (framework != layout::Framework::keras3 || !node.module.empty() || !node.package.empty()) return false;
    // Of the layers, inputs alone say nothing of training; operations may have a dtype of their own (Cast).
    return node.config->is_object() && node.config->find("trainable") == nullptr &&
           node.config->find("layers") == nullptr && node.config->find("batch_shape") == nullptr &&
           node.config->find("batch_input_shape") == nullptr;
}

layout::Framework config_framework(const Tree& config) {
    if (const auto known = framework_of_version(config["keras_version"].as_string())) return *known;
    // Breadth does not matter: the first InputLayer or call decides, and every built model has one near the
    // top.
    std::vector<const Tree*> pending = {&config};
    while (!pending.empty()) {
        const Tree& value = *pending.back();
        pending.pop_back();
        if (value.is_object()) {
            if (const auto known = framework_of_object(value)) return *known;
            for (auto member = value.members().rbegin(); member != value.members().rend(); ++member) {
                if (member->second.is_object() || member->second.is_array())
                    pending.push_back(&member->second);
            }
        } else {
            for (auto item = value.items().rbegin(); item != value.items().rend(); ++item) {
                if (item->is_object() || item->is_array()) pending.push_back(&*item);
            }
        }
    }
    return config.find("module") != nullptr ? layout::Framework::keras3 : layout::Framework::tf_keras;
}

}  // namespace ballast
