// SPDX-License-Identifier: Apache-2.0
// Initializers, regularizers, constraints, activations and dtypes of a layer's config.
#include <algorithm>

#include "model/migrate/context.h"

namespace ballast::migrate {

namespace {

using table::Kind;

/// Keras 1: {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.01}, {"name": "MaxNorm", "m": 2, "axis": 0}.
Tree from_keras1(const Tree& value) {
    Tree config = Tree::object();
    for (const auto& [key, item] : value.members()) {
        if (key == "name") continue;
        config.set(key == "m" ? std::string_view("max_value") : std::string_view(key), item);
    }
    std::string_view name = value["name"].as_string();
    if (name == "WeightRegularizer" || name == "ActivityRegularizer") name = "L1L2";
    Tree node = Tree::object();
    node.set("class_name", name);
    node.set("config", std::move(config));
    return node;
}

Tree hard_sigmoid() {
    const auto layer = [](std::string_view class_name, Tree config) {
        return node_of("keras.layers", class_name, std::move(config));
    };
    Tree scale = Tree::object();
    scale.set("name", "rescaling");
    scale.set("scale", 0.2);
    scale.set("offset", 0.5);
    Tree clip = Tree::object();
    clip.set("name", "re_lu");
    clip.set("max_value", 1.0);
    Tree config = Tree::object();
    config.set("name", "hard_sigmoid_k2");
    config.set("layers", Tree::Array{layer("Rescaling", std::move(scale)), layer("ReLU", std::move(clip))});
    return node_of("keras", "Sequential", std::move(config));
}

Tree function_node(std::string_view name) {
    Tree node = Tree::object();
    node.set("module", Tree());
    node.set("class_name", "function");
    node.set("config", name);
    node.set("registered_name", name);
    return node;
}

Tree activation_by_name(Context& context, const Place& place, std::string_view name) {
    for (const auto& [old_name, mapped] : context.options.activations)
        if (old_name == name) return mapped;
    if (name == "hard_sigmoid") {
        if (context.options.exact_hard_sigmoid) {
            context.note(NoteKind::replaced, place,
                         "hard_sigmoid means clip(0.2x + 0.5, 0, 1) here: written as Rescaling and ReLU");
            return hard_sigmoid();
        }
        context.note(NoteKind::changed, place, "hard_sigmoid is relu6(x + 3) / 6 in Keras 3: values change");
        return name;
    }
    if (const auto known = table::renamed(table::activations, name)) return *known;
    if (name.starts_with('<')) {
        context.note(NoteKind::refused, place,
                     "activation '" + std::string(name) + "' is code without a name");
        return name;
    }
    context.custom(place, name);
    return function_node(name);
}

}  // namespace

Tree plain_value(const Tree& value) {
    const std::string_view wrapper = value["class_name"].as_string();
    if (wrapper == "__numpy__" || wrapper == "ndarray")
        return value["config"].find("value") ? value["config"]["value"] : value["config"];
    if (wrapper == "__tuple__" || wrapper == "TensorShape")
        return value.find("items") ? value["items"] : value["config"];
    return value;
}

Tree convert_dtype(const Tree& value) {
    if (!value.is_object()) return value;
    const Tree& name = value["config"]["name"];
    if (name.as_string().empty()) return Tree();
    if (name.as_string().find("mixed") == std::string_view::npos) return name;
    Tree config = Tree::object();
    config.set("name", name);
    return node_of("keras", "DTypePolicy", std::move(config));
}

Tree convert_activation(Context& context, const Place& place, const Tree& value) {
    if (value.is_string()) return activation_by_name(context, place, value.as_string());
    if (!value.is_object()) return value;
    if (value["config"].is_string()) return activation_by_name(context, place, value["config"].as_string());
    // A lambda lies there as marshalled bytecode, by itself or under a class of that name.
    const std::string_view class_name = value["class_name"].as_string();
    if (class_name.empty() || class_name == "__lambda__")
        return activation_by_name(context, place, "<lambda>");
    return convert_layer(context, value, {});
}

Tree convert_object(Context& context, const Place& place, Kind kind, const Tree& value) {
    if (value.is_string()) {
        if (kind != Kind::initializer) return value;
        const auto now = table::renamed(table::initializers, value.as_string());
        return now ? Tree(*now) : value;
    }
    if (!value.is_object()) return value;
    if (value.find("class_name") == nullptr && value.find("name") != nullptr)
        return convert_object(context, place, kind, from_keras1(value));
    if (value["config"].is_string()) return convert_object(context, place, kind, value["config"]);
    std::string_view name = bare_class(kind, value["class_name"].as_string());
    if (kind == Kind::initializer) name = table::renamed(table::initializers, name).value_or(name);
    if (kind == Kind::constraint && name == "RadialConstraint") {
        context.note(NoteKind::refused, place, "Keras 3 has no RadialConstraint");
        return value;
    }
    const table::KerasClass* known = table::find_class(kind, name);
    if (known == nullptr) return custom_node(context, place, name, value["config"]);
    Tree config = Tree::object();
    for (const auto& [key, item] : value["config"].members()) {
        if (table::accepts(*known, key)) {
            config.set(key, plain_value(item));
        } else if (key != "dtype" && !item.is_null() && !may_drop(*known, key, item)) {
            context.note(NoteKind::refused, place,
                         std::string(known->name) + " has no argument '" + key + "' in Keras 3");
        }
    }
    return node_of(module_of(kind), known->name, std::move(config));
}

}  // namespace ballast::migrate
