// SPDX-License-Identifier: Apache-2.0
// One layer's class and config from Keras 1 or 2 to Keras 3, by the tables.
#include <algorithm>

#include "container/json/json.h"
#include "model/migrate/context.h"
#include "model/migrate/counted_words.h"

namespace ballast::migrate {

namespace {

using table::Kind;

std::string shown(const Tree& value) {
    std::string text = json::write(value);
    if (text.size() > 60) text = text.substr(0, 57) + "...";
    return text;
}

std::string_view key_in_keras3(const table::KerasClass& known, std::string_view key) {
    std::string_view found = key;
    for (const table::KeyRename& row : table::key_renames) {
        if (row.old_key != key || !table::accepts(known, row.key)) continue;
        if (row.class_name == known.name) return row.key;
        if (row.class_name == "*") found = row.key;
    }
    return found;
}

Tree convert_layers(Context& context, const Tree& list) {
    Tree converted = Tree::array();
    for (const Tree& item : list.items())
        converted.push_back(convert_layer(context, item, {}));
    return converted;
}

Tree renamed_value(std::string_view key, const Tree& value) {
    for (const table::ValueRename& row : table::value_renames)
        if (row.key == key && value_of(row.old_value) == value) return value_of(row.value);
    return plain_value(value);
}

Tree convert_value(Context& context, const Place& place, std::string_view key, const Tree& value) {
    if (key.ends_with("initializer")) return convert_object(context, place, Kind::initializer, value);
    if (key.ends_with("regularizer")) return convert_object(context, place, Kind::regularizer, value);
    if (key.ends_with("constraint")) return convert_object(context, place, Kind::constraint, value);
    if (key.ends_with("activation")) return convert_activation(context, place, value);
    if (key == "dtype") return convert_dtype(value);
    if (key == "name" && value.is_string()) return safe_name(value.as_string());
    const bool nests = key == "layer" || key == "backward_layer" || key == "cell";
    if (nests && value.is_object()) {
        if (counts_words(value))
            context.note(
                NoteKind::changed, place,
                "TextVectorization in a wrapper: of texts as (n, 1), Keras 3 takes what it gives for "
                "(n, 1, words): compare shapes");
        return convert_layer(context, value, {});
    }
    if (key == "cells" || (key == "cell" && value.is_array())) return convert_layers(context, value);
    return renamed_value(key, value);
}

/// Keras 1 gave a kernel's size as one number a dimension.
Tree with_kernel_size(const Tree& config) {
    Tree size = Tree::array(), rest = Tree::object();
    for (const std::string_view key : {"nb_row", "nb_col", "kernel_dim1", "kernel_dim2", "kernel_dim3"})
        if (const Tree* length = config.find(key)) size.push_back(*length);
    if (size.size() == 0) return config;
    for (const auto& [key, value] : config.members())
        if (!key.starts_with("nb_row") && !key.starts_with("nb_col") && !key.starts_with("kernel_dim"))
            rest.set(key, value);
    rest.set("kernel_size", std::move(size));
    return rest;
}

void set_missing(Context& context, const Place& place, const table::KerasClass& known, Tree& config) {
    const auto add = [&](std::string_view key, std::string_view value) {
        if (config.find(key) != nullptr) return;
        config.set(key, convert_value(context, place, key, value_of(value)));
        context.note(NoteKind::defaulted, place,
                     std::string(key) + " = " + std::string(value) + ", the old default");
    };
    for (const table::KeyText& row : known.changed)
        add(row.key, row.value);
    for (const table::OldDefault& row : table::old_defaults)
        if (row.class_name == known.name && (row.before.empty() || older_than(context.version, row.before)))
            add(row.key, row.value);
}

void check_values(Context& context, const Place& place, const table::KerasClass& known, Tree& config) {
    for (const table::ValueRename& row : table::refused_values)
        if (row.key == known.name && value_of(row.value) == config[row.old_value])
            context.note(NoteKind::refused, place,
                         std::string(row.old_value) + " = " + std::string(row.value));
    if (known.name != "BatchNormalization" || !config["axis"].is_array()) return;
    if (config["axis"].size() == 1) {
        config.set("axis", Tree(config["axis"].at(0)));
    } else {
        context.note(NoteKind::refused, place, "Keras 3 normalizes over one axis only");
    }
}

Tree convert_config(Context& context, const Place& place, const table::KerasClass& known, const Tree& old) {
    Tree config = Tree::object();
    for (const auto& [old_key, value] : old.members()) {
        std::string_view key = old_key;
        if (!table::accepts(known, key)) key = key_in_keras3(known, key);
        if (table::accepts(known, key)) {
            if (key != old_key)
                context.note(NoteKind::renamed, place, "argument " + old_key + " is " + std::string(key));
            config.set(key, convert_value(context, place, key, value));
        } else if (may_drop(known, old_key, value)) {
            if (!value.is_null()) context.note(NoteKind::dropped, place, old_key + " = " + shown(value));
        } else {
            context.note(NoteKind::refused, place,
                         "Keras 3 has no argument " + old_key + " (" + shown(value) + ")");
        }
    }
    set_missing(context, place, known, config);
    check_values(context, place, known, config);
    return config;
}

void set_name(Tree& config, std::string_view name) {
    if (!name.empty()) config.set("name", name);
}

std::string layer_path(const Context& context, const Tree& node) {
    const Tree& own = node["name"].is_string() ? node["name"] : node["config"]["name"];
    return context.path + std::string(own.as_string());
}

/// Keras 1's Merge by its mode; empty when there is none.
std::string_view merge_class(std::string_view mode) {
    static constexpr table::Rename rows[] = {
        {"sum", "Add"},     {"mul", "Multiply"}, {"concat", "Concatenate"},
        {"ave", "Average"}, {"max", "Maximum"},  {"dot", "Dot"}};
    return table::renamed(rows, mode).value_or("");
}

Tree convert_merge(Context& context, const Place& place, const Tree& node, std::string_view name) {
    const Tree& old = node["config"];
    if (old["layers"].size() != 0) {
        context.note(NoteKind::refused, place, "Merge of models at the head of a Sequential");
        return node;
    }
    const std::string_view class_name = merge_class(old["mode"].as_string());
    if (class_name.empty()) {
        context.note(NoteKind::refused, place, "Merge with mode " + shown(old["mode"]));
        return node;
    }
    context.note(NoteKind::renamed, place, "class Merge is " + std::string(class_name));
    Tree config = Tree::object();
    config.set("name", safe_name(old["name"].as_string()));
    if (class_name == "Concatenate")
        config.set("axis", old.find("concat_axis") ? old["concat_axis"] : Tree(-1));
    if (class_name == "Dot") config.set("axes", old.find("dot_axes") ? old["dot_axes"] : Tree(-1));
    set_name(config, name);
    return node_of("keras.layers", class_name, std::move(config));
}

Tree convert_known(Context& context, const Place& place, const table::KerasClass& known, Tree config,
                   std::string_view name) {
    if (const auto change = table::renamed(table::changed_meaning, known.name))
        context.note(NoteKind::changed, place, std::string(*change));
    Tree converted = convert_config(context, place, known, with_kernel_size(config));
    set_name(converted, name);
    return node_of(known.module_name.empty() ? module_of(Kind::layer) : known.module_name, known.name,
                   std::move(converted));
}

const table::LayerClass* replacement_of(std::string_view class_name) {
    for (const table::LayerClass& row : table::layer_classes)
        if (row.old_name == class_name) return &row;
    return nullptr;
}

/// Keras 2 called a Sequential without layers, Keras 3 cannot build one.
Tree convert_nothing(Context& context, const Tree& node, std::string_view name) {
    context.note(NoteKind::replaced, {layer_path(context, node), "Sequential"},
                 "it has no layers: written as Identity");
    Tree config = Tree::object();
    config.set("name", name.empty() ? safe_name(node["config"]["name"].as_string()) : std::string(name));
    return node_of("keras.layers", "Identity", std::move(config));
}

bool is_nothing(const Tree& node) {
    return node["class_name"].as_string() == "Sequential" && node["config"]["layers"].is_array() &&
           node["config"]["layers"].size() == 0;
}

}  // namespace

bool may_drop(const table::KerasClass& known, std::string_view key, const Tree& value) {
    if (value.is_null()) return true;
    for (const table::KeyText& row : known.only_before)
        if (row.key == key && same_value(value_of(row.value), value)) return true;
    for (const table::Drop& row : table::drops) {
        if (row.key != key) continue;
        const bool here = row.classes.empty() ||
                          std::find(row.classes.begin(), row.classes.end(), known.name) != row.classes.end();
        if (!here) continue;
        if (row.always) return true;
        for (const std::string_view allowed : row.values)
            if (same_value(value_of(allowed), value)) return true;
    }
    return false;
}

/// What a class of the program's own does with an activation nobody knows; one made of Keras' recurrent
/// layers hands it on to them, which take a config as well as a name.
void keep_hard_sigmoid(Context& context, const Place& place, Tree& config) {
    constexpr std::string_view name = "hard_sigmoid";
    const bool recurrent = config.find("recurrent_initializer") != nullptr;
    for (auto& [key, value] : config.mutable_members()) {
        if (!key.ends_with("activation") || value.as_string() != name) continue;
        if (recurrent)
            value = convert_activation(context, place, value);
        else
            context.note(NoteKind::changed, place,
                         "its " + key + " hard_sigmoid is relu6(x + 3) / 6 in Keras 3: values change");
    }
}

Tree convert_layer(Context& context, const Tree& node, std::string_view name) {
    const Nested nested(context);
    if (context.depth > 1 && is_nothing(node)) return convert_nothing(context, node, name);
    const std::string old_class(node["class_name"].as_string());
    std::string_view class_name = bare_class(Kind::layer, old_class);
    const Place place{layer_path(context, node), old_class};
    if (class_name != "Merge" && is_container(node)) return convert_container(context, node, name);
    if (const auto reason = table::renamed(table::refused_classes, class_name)) {
        context.note(NoteKind::refused, place, std::string(*reason));
        return node;
    }
    if (class_name == "Merge") return convert_merge(context, place, node, name);
    Tree config = node["config"];
    if (!config.is_object()) config = Tree::object();
    if (const table::LayerClass* now = replacement_of(class_name)) {
        context.note(NoteKind::renamed, place, "class " + old_class + " is " + std::string(now->name));
        for (const table::KeyText& row : now->set)
            config.set(row.key, value_of(row.value));
        class_name = now->name;
    }
    if (const table::KerasClass* known = table::find_class(Kind::layer, class_name))
        return convert_known(context, place, *known, std::move(config), name);
    set_name(config, name);
    if (config.find("dtype") != nullptr) config.set("dtype", convert_dtype(config["dtype"]));
    keep_hard_sigmoid(context, place, config);
    return custom_node(context, place, old_class, config);
}

}  // namespace ballast::migrate
