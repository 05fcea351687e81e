// SPDX-License-Identifier: Apache-2.0
// Finding a built-in class, choosing its variant from a config, and ordering its sub-layers.
#include "model/layout.h"

#include <algorithm>
#include <charconv>

#include "model/layout_table.h"

namespace ballast::layout {

namespace {

ConfigValue value_of(const Tree& tree) {
    using Type = ConfigValue::Type;
    switch (tree.kind()) {
        case Tree::Kind::null:
            return {.type = Type::null};
        case Tree::Kind::boolean:
            return {.type = Type::boolean, .boolean = *tree.as_bool()};
        case Tree::Kind::number:
            return {.type = Type::number, .text = tree.number_text()};
        case Tree::Kind::string:
            return {.type = Type::text, .text = tree.as_string()};
        case Tree::Kind::array:
            return {.type = Type::list, .elements = tree.size()};
        case Tree::Kind::object:
            return {.type = Type::object, .elements = tree.size()};
    }
    return {};
}

bool is_zero(std::string_view number) {
    double value = 1;
    std::from_chars(number.data(), number.data() + number.size(), value);
    return value == 0;
}

/// "int4/*" accepts every text that starts with "int4/".
bool is_like(std::string_view text, std::string_view pattern) {
    return pattern.ends_with('*') ? text.starts_with(pattern.substr(0, pattern.size() - 1)) : text == pattern;
}

/// "a|b" accepts a and b.
bool is_one_of(std::string_view text, std::string_view accepted) {
    while (true) {
        const std::size_t bar = accepted.find('|');
        if (is_like(text, accepted.substr(0, bar))) return true;
        if (bar == std::string_view::npos) return false;
        accepted.remove_prefix(bar + 1);
    }
}

/// The config's value, else that of the key's name in Keras 1, else the class default. Where only the other
/// framework has a default, the key is no option of this one: its default holds whatever the config says.
ConfigValue effective_value(const ClassLayout& layout, const ConfigLookup& config, std::string_view key,
                            Framework framework) {
    const Default* own = nullptr;
    const Default* foreign = nullptr;
    for (const Default& fallback : layout.defaults) {
        if (fallback.key == key) (fallback.frameworks.has(framework) ? own : foreign) = &fallback;
    }
    if (own == nullptr && foreign != nullptr) return foreign->value;
    ConfigValue value = config(key);
    if (value.type != ConfigValue::Type::missing) return value;
    if (framework == Framework::tf_keras) {
        for (const table::Renamed& renamed : table::old_config_keys) {
            if (renamed.name == key) value = config(renamed.old_name);
            if (value.type != ConfigValue::Type::missing) return value;
        }
    }
    return own != nullptr ? own->value : value;
}

/// The quantization mode of a dtype policy: {"config": {"mode": "int8"}} or "int8_from_float32"; else empty.
std::string_view quantization_mode(const ConfigLookup& config) {
    const ConfigValue mode = config("dtype.config.mode");
    if (mode.type == ConfigValue::Type::text) return mode.text;
    const ConfigValue dtype = config("dtype");
    const std::size_t from = dtype.text.find("_from_");
    return from == std::string_view::npos ? std::string_view{} : dtype.text.substr(0, from);
}

bool holds(const ClassLayout& layout, const Condition& condition, const ConfigLookup& config,
           Framework framework) {
    if (condition.test == Test::quantized) return is_one_of(quantization_mode(config), condition.value);
    if (condition.test == Test::not_quantized) return quantization_mode(config).empty();
    const ConfigValue value = effective_value(layout, config, condition.key, framework);
    const bool is_null = value.type == ConfigValue::Type::null || value.type == ConfigValue::Type::missing;
    switch (condition.test) {
        case Test::truthy:
            return is_truthy(value);
        case Test::falsy:
            return !is_truthy(value);
        case Test::null:
            return is_null;
        case Test::not_null:
            return !is_null;
        case Test::equals:
            return is_one_of(value.text, condition.value);
        case Test::not_equals:
            return !is_one_of(value.text, condition.value);
        default:
            return false;
    }
}

/// The only variant the framework has, or null.
const Variant* single_variant(const ClassLayout& layout, Framework framework) {
    const Variant* found = nullptr;
    for (const Variant& variant : layout.variants) {
        if (!variant.frameworks.has(framework)) continue;
        if (found != nullptr) return nullptr;
        found = &variant;
    }
    return found;
}

}  // namespace

bool is_truthy(const ConfigValue& value) {
    switch (value.type) {
        case ConfigValue::Type::missing:
        case ConfigValue::Type::null:
            return false;
        case ConfigValue::Type::boolean:
            return value.boolean;
        case ConfigValue::Type::number:
            return !is_zero(value.text);
        case ConfigValue::Type::text:
            return !value.text.empty();
        case ConfigValue::Type::list:
        case ConfigValue::Type::object:
            return value.elements != 0;
    }
    return false;
}

ConfigValue config_value(const Tree& config, std::string_view key) {
    if (const Tree* value = config.find(key)) return value_of(*value);
    const std::size_t dot = key.find('.');
    if (dot == std::string_view::npos) return {};
    const Tree* outer = config.find(key.substr(0, dot));
    return outer == nullptr ? ConfigValue{} : config_value(*outer, key.substr(dot + 1));
}

const ClassLayout* find_class(std::string_view class_name) {
    const auto known = std::ranges::lower_bound(table::classes, class_name, {}, &ClassLayout::name);
    if (known != table::classes.end() && known->name == class_name) return &*known;
    const auto alias = std::ranges::lower_bound(table::aliases, class_name, {}, &table::Alias::alias);
    if (alias != table::aliases.end() && alias->alias == class_name) return alias->layout;
    return nullptr;
}

std::vector<const ClassLayout*> classes_with_key(std::string_view key) {
    std::vector<const ClassLayout*> found;
    for (const ClassLayout& layout : table::classes)
        if (layout.key == key) found.push_back(&layout);
    return found;
}

std::span<const ClassLayout> all_classes() {
    return table::classes;
}

const Variant* choose_variant(const ClassLayout& layout, const ConfigLookup& config, Framework framework) {
    for (const Variant& variant : layout.variants) {
        if (!variant.frameworks.has(framework)) continue;
        const auto fits = [&](const Condition& condition) {
            return holds(layout, condition, config, framework);
        };
        if (std::ranges::all_of(variant.when, fits)) return &variant;
    }
    return nullptr;
}

const Variant* choose_variant(const ClassLayout& layout, const Tree& config, Framework framework) {
    if (!config.is_object()) return single_variant(layout, framework);
    return choose_variant(
        layout, [&](std::string_view key) { return config_value(config, key); }, framework);
}

std::span<const std::uint8_t> child_order(const Variant& variant, Order order, Framework framework) {
    return variant.order[static_cast<std::size_t>(order)][static_cast<std::size_t>(framework)];
}

const Child* find_child(const ClassLayout& layout, std::string_view path, Framework framework) {
    for (const Variant& variant : layout.variants) {
        if (!variant.frameworks.has(framework)) continue;
        for (const Child& child : variant.children)
            if (child.is_stored_as(path)) return &child;
    }
    return nullptr;
}

bool model_weights_come_last(Framework framework) {
    return table::model_weights_last.has(framework);
}

}  // namespace ballast::layout
