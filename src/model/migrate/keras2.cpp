// SPDX-License-Identifier: Apache-2.0
// Keras 3 to Keras 2: layers and objects, see keras2.h.
#include "model/migrate/keras2.h"

#include <algorithm>
#include <utility>

#include "model/migrate/keras2_masks.h"

namespace ballast::migrate {
namespace {

using table::Kind;

constexpr table::KeyRename keys[] = {
    {"InputLayer", "batch_shape", "batch_input_shape"},
    {"LeakyReLU", "negative_slope", "alpha"},
};

/// Activations of the same name and the same values in both; "silu" is called swish in Keras 2.
constexpr std::string_view activations[] = {"elu",     "exponential", "gelu",     "leaky_relu", "linear",
                                            "mish",    "relu",        "relu6",    "selu",       "sigmoid",
                                            "softmax", "softplus",    "softsign", "tanh"};

/// The nested Sequential that stands for Keras 2's hard_sigmoid.
constexpr std::string_view exact_hard_sigmoid = "hard_sigmoid_k2";

Place place_of(const Context& context, const Tree& node) {
    return {context.path + std::string(node["config"]["name"].as_string()),
            std::string(node["class_name"].as_string())};
}

bool is_node(const Tree& value) {
    return value["class_name"].is_string() && value.find("config") != nullptr;
}

Tree node(std::string_view class_name, Tree config) {
    Tree result = Tree::object();
    result.set("class_name", class_name);
    result.set("config", std::move(config));
    return result;
}

/// "Package>Name" of a class that is the user's; empty for Keras' own.
std::string_view registered(const Tree& given) {
    const std::string_view name = given["registered_name"].as_string();
    return name.find('>') == std::string_view::npos ? std::string_view() : name;
}

Tree custom(Context& context, const Tree& given, std::string_view name) {
    context.custom(place_of(context, given), name);
    return node(name, given["config"]);
}

Tree refused(Context& context, const Tree& given, std::string why) {
    context.note(NoteKind::refused, place_of(context, given), std::move(why));
    return node(given["class_name"].as_string(), given["config"]);
}

Tree list_of_layers(Context& context, const Tree& list) {
    Tree result = Tree::array();
    for (const Tree& item : list.items())
        result.push_back(layer_for_keras2(context, item));
    return result;
}

Tree value_for_keras2(Context& context, const Place& place, std::string_view key, const Tree& value) {
    if (key == "dtype") return dtype_for_keras2(context, place, value);
    if (key == "layer" || key == "backward_layer" || key == "cell")
        return value.is_null() ? Tree() : layer_for_keras2(context, value);
    if (key == "cells") return list_of_layers(context, value);
    if (key.ends_with("initializer")) return object_for_keras2(context, place, Kind::initializer, value);
    if (key.ends_with("regularizer")) return object_for_keras2(context, place, Kind::regularizer, value);
    if (key.ends_with("constraint")) return object_for_keras2(context, place, Kind::constraint, value);
    if (key.ends_with("activation")) return activation_for_keras2(context, place, value);
    if (key == "seed" && value.is_object()) return {};  // a generator's state is no part of a model
    return plain_value(value);
}

Tree config_for_keras2(Context& context, const Place& place, const table::KerasClass& known,
                       const Tree& old) {
    Tree config = Tree::object();
    for (const Tree::Member& member : old.members()) {
        const std::string& key = member.first;
        const Tree& value = member.second;
        const auto renamed = std::ranges::find_if(keys, [&](const table::KeyRename& row) {
            return row.class_name == known.name && row.old_key == key;
        });
        if (renamed != std::end(keys))
            config.set(renamed->key, plain_value(value));
        else if (keep_for_keras2(context, place, known, key, value))
            config.set(key, value_for_keras2(context, place, key, value));
    }
    return config;
}

/// Keras 2 demands them of a MultiHeadAttention, if only as null.
void add_shapes(const Tree& given, Tree& config) {
    const Tree& built = given["build_config"]["shapes_dict"];
    const Tree& value = built["value_shape"];
    config.set("query_shape", built["query_shape"]);
    config.set("key_shape", built["key_shape"].is_null() ? value : built["key_shape"]);
    config.set("value_shape", value);
}

/// What TensorFlow takes for the scope of a layer.
bool is_scope_name(std::string_view name) {
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.";
    return name.empty() ||
           (letters.find(name.front()) != std::string_view::npos &&
            name.find_first_not_of(std::string(letters) + "_\\/>-") == std::string_view::npos);
}

bool is_container_node(const Tree& given) {
    return given["config"]["layers"].is_array();
}

bool begins_with_input(const Tree& given) {
    return given["config"]["layers"].at(0)["class_name"].as_string() == "InputLayer";
}

Shifts shifts_of(const Tree& config) {
    Shifts shifts;
    for (const Tree& layer : config["layers"].items()) {
        if (!is_container_node(layer)) continue;
        const std::string name(layer["config"]["name"].as_string());
        const bool functional = layer["config"].find("input_layers") != nullptr;
        shifts.calls[name] = functional || begins_with_input(layer) ? 1 : 0;
        shifts.outputs[name] = !functional && begins_with_input(layer) ? 1 : 0;
    }
    return shifts;
}

/// [layer, call, index], and structures of them.
Tree ends_for_keras2(const Tree& ends, const Shifts& shifts, unsigned depth = 0) {
    const bool one = ends.is_array() && ends.size() == 3 && ends.at(0).is_string() && ends.at(1).is_number();
    if (one) {
        const auto shift = shifts.outputs.find(ends.at(0).as_string());
        Tree result = Tree::array();
        result.push_back(ends.at(0));
        result.push_back(ends.at(1).as_int64().value_or(0) +
                         (shift == shifts.outputs.end() ? 0 : shift->second));
        result.push_back(ends.at(2));
        if (depth != 0) return result;
        Tree list = Tree::array();
        list.push_back(std::move(result));
        return list;
    }
    if (ends.is_object()) {
        Tree result = Tree::object();
        for (const auto& [key, value] : ends.members())
            result.set(key, ends_for_keras2(value, shifts, depth + 1));
        return result;
    }
    Tree result = Tree::array();
    for (const Tree& item : ends.items())
        result.push_back(ends_for_keras2(item, shifts, depth + 1));
    return result;
}

Tree container_for_keras2(Context& context, const Tree& given) {
    const Tree& old = given["config"];
    const std::string before = context.path;
    if (context.depth > 1) context.path += std::string(old["name"].as_string()) + "/";
    Tree config = Tree::object();
    config.set("name", old["name"]);
    const bool functional = old.find("input_layers") != nullptr;
    if (functional) {
        const Shifts shifts = shifts_of(old);
        config.set("trainable", old.find("trainable") ? old["trainable"] : Tree(true));
        const Tree layers = graph_for_keras2(context, old, shifts);
        config.set("layers", context.masked ? with_masks_of_keras3(context, layers) : layers);
        config.set("input_layers", ends_for_keras2(old["input_layers"], shifts));
        config.set("output_layers", ends_for_keras2(old["output_layers"], shifts));
    } else {
        config.set("layers", list_of_layers(context, old["layers"]));
    }
    context.path = before;
    const std::string_view own = registered(given);
    if (!own.empty()) context.custom(place_of(context, given), own);
    return node(!own.empty() ? own : functional ? "Functional" : "Sequential", std::move(config));
}

}  // namespace

bool keep_for_keras2(Context& context, const Place& place, const table::KerasClass& known,
                     std::string_view key, const Tree& value) {
    const auto found = std::ranges::find(known.only_after, key, &table::KeyText::key);
    const bool unknown = !table::accepts(known, key);
    if (found == known.only_after.end() && !unknown) return true;
    // Keras 2 takes these among its keyword arguments.
    if (key == "activity_regularizer" && !value.is_null()) return true;
    if (key == "zero_output_for_mask" && value == Tree(true)) return true;
    const bool empty = value.is_null() || value == Tree(false) || key == "autocast" || key == "name" ||
                       (key == "seed" && value.is_object());
    if (empty || (found != known.only_after.end() && same_value(value, value_of(found->value)))) return false;
    context.note(NoteKind::refused, place, "argument " + std::string(key) + ", which Keras 2 does not have");
    return false;
}

Tree dtype_for_keras2(Context& context, const Place& place, const Tree& value) {
    if (!is_node(value)) return value;
    const Tree& name = value["config"]["name"];
    if (value["class_name"].as_string() != "DTypePolicy" || !name.is_string()) {
        context.note(NoteKind::refused, place, "a dtype policy that Keras 2 does not have");
        return value;
    }
    if (!name.as_string().starts_with("mixed_")) return name;
    Tree config = Tree::object();
    config.set("name", name);
    return node("Policy", std::move(config));
}

Tree activation_for_keras2(Context& context, const Place& place, const Tree& value) {
    if (value.is_null()) return value;
    if (is_node(value) && value["config"]["name"].as_string() == exact_hard_sigmoid) return "hard_sigmoid";
    const std::string name(value.is_string() ? value.as_string() : value["class_name"].as_string());
    if (value.is_string() && name == "silu") return "swish";
    if (value.is_string() && std::ranges::find(activations, name) != std::end(activations)) return value;
    context.note(NoteKind::refused, place,
                 name == "hard_sigmoid" ? "hard_sigmoid computes something else in Keras 2"
                                        : "the activation '" + name + "' is not one of Keras 2");
    return value;
}

Tree object_for_keras2(Context& context, const Place& place, Kind kind, const Tree& value) {
    if (!is_node(value)) return value;
    if (!registered(value).empty()) {
        context.custom(place, registered(value));
        return node(registered(value), value["config"]);
    }
    const std::string_view name = value["class_name"].as_string();
    const table::KerasClass* known = table::find_class(kind, name);
    if (known == nullptr || !known->in_keras2) {
        context.note(NoteKind::refused, place, "Keras 2 has no class " + std::string(name));
        return value;
    }
    return node(name, config_for_keras2(context, place, *known, value["config"]));
}

Tree layer_for_keras2(Context& context, const Tree& given) {
    const Nested nested(context);
    if (is_container_node(given)) return container_for_keras2(context, given);
    const std::string_view name = given["class_name"].as_string();
    if (!registered(given).empty()) return custom(context, given, registered(given));
    if (name == "Lambda") return refused(context, given, "it holds code, which is never run nor decoded");
    const table::KerasClass* known = table::find_class(Kind::layer, name);
    if (known == nullptr) return custom(context, given, name);
    if (!known->in_keras2) return refused(context, given, "Keras 2 has no such class");
    const Place place = place_of(context, given);
    if (!is_scope_name(given["config"]["name"].as_string()))
        context.note(NoteKind::refused, place, "TensorFlow takes no layer of this name: rename it");
    Tree config = config_for_keras2(context, place, *known, given["config"]);
    if (known->name == "MultiHeadAttention") add_shapes(given, config);
    // Numbers of words, which Keras 2 wants to be of an integer type.
    if (known->name.ends_with("Lookup") && config["output_mode"].as_string() == "int")
        config.set("dtype", "int64");
    if (known->name == "TextVectorization") config.set("dtype", "string");
    // Of a fitted one Keras 3 writes both, of which Keras 2 takes one.
    if (known->name == "Discretization" && !config["bin_boundaries"].is_null())
        config.set("num_bins", Tree());
    // tf_keras 2.21 does not find this one by its name, in files of its own neither.
    if (known->name == "SpectralNormalization") context.custom(place, name);
    return node(name, std::move(config));
}

Tree optimizer_for_keras2(Context& context, const Tree& given) {
    const Nested nested(context);
    if (!is_node(given)) return given;
    const Place place{"", std::string(given["class_name"].as_string())};
    const Tree& old = given["config"];
    if (place.class_name == "LossScaleOptimizer") {
        Tree config = Tree::object();
        config.set("inner_optimizer", optimizer_for_keras2(context, old["inner_optimizer"]));
        config.set("dynamic", true);
        config.set("initial_scale", old["initial_scale"]);
        config.set("dynamic_growth_steps", old["dynamic_growth_steps"]);
        return node("LossScaleOptimizerV3", std::move(config));
    }
    if (!registered(given).empty()) return custom(context, given, registered(given));
    const table::KerasClass* known = table::find_class(Kind::optimizer, place.class_name);
    if (known == nullptr || !known->in_keras2)
        return refused(context, given, "Keras 2 has no such optimizer");
    Tree config = Tree::object();
    for (const auto& [key, value] : old.members()) {
        if (key == "learning_rate")
            config.set(key, object_for_keras2(context, place, Kind::schedule, value));
        else if (key == "name" || keep_for_keras2(context, place, *known, key, value))
            config.set(key, plain_value(value));
    }
    config.set("jit_compile", false);
    config.set("is_legacy_optimizer", false);
    return node(place.class_name, std::move(config));
}

}  // namespace ballast::migrate
