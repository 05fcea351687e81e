// SPDX-License-Identifier: Apache-2.0
// Notes, names and small values that every part of config migration uses.
#include "model/migrate/context.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "ballast/error.h"
#include "container/json/json.h"

namespace ballast::migrate {

namespace {

constexpr unsigned deepest = 48;  // Keras' own models are nested a handful of levels

}  // namespace

std::string_view to_string(NoteKind kind) {
    static constexpr std::array<std::string_view, 7> words{"renamed", "dropped", "defaulted", "replaced",
                                                           "changed", "custom",  "refused"};
    return words[static_cast<std::size_t>(kind)];
}

bool Migrated::complete() const {
    return std::none_of(notes.begin(), notes.end(),
                        [](const Note& note) { return note.kind == NoteKind::refused; });
}

void require_complete(const Migrated& migrated, std::string_view where) {
    const auto refused = [](const Note& note) { return note.kind == NoteKind::refused; };
    const auto first = std::find_if(migrated.notes.begin(), migrated.notes.end(), refused);
    if (first == migrated.notes.end()) return;
    const auto count = std::count_if(first, migrated.notes.end(), refused);
    std::string text = first->layer.empty() ? "the model" : "layer '" + first->layer + "'";
    text += " (" + first->class_name + "): " + first->text;
    if (count > 1) text += ", and " + std::to_string(count - 1) + " more";
    throw Error(ErrorCode::unsupported, "the config cannot be rewritten: " + text)
        .in(where)
        .hint("weights can be converted without the model: write a .weights.h5");
}

void Context::note(NoteKind kind, const Place& place, std::string text) {
    result.notes.push_back({kind, place.layer, place.class_name, std::move(text)});
}

void Context::custom(const Place& place, std::string_view name) {
    note(NoteKind::custom, place,
         "not Keras' own: give load_model custom_objects with '" + std::string(name) + "'");
    auto& names = result.custom_objects;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
}

Nested::Nested(Context& context) : context_(context) {
    if (++context_.depth <= deepest) return;
    --context_.depth;
    throw Error(ErrorCode::limit_exceeded, "layers nested more than " + std::to_string(deepest) + " deep")
        .in(context_.options.where);
}

void check_depth(const Tree& tree, const Options& options) {
    std::vector<std::pair<const Tree*, std::uint32_t>> open{{&tree, 1}};
    while (!open.empty()) {
        const auto [at, depth] = open.back();
        open.pop_back();
        if (depth > options.limits.json_depth)
            throw Error(ErrorCode::limit_exceeded, "config nested too deeply").in(options.where);
        for (const Tree& item : at->items())
            open.emplace_back(&item, depth + 1);
        for (const Tree::Member& member : at->members())
            open.emplace_back(&member.second, depth + 1);
    }
}

std::string_view bare_class(table::Kind kind, std::string_view name) {
    const std::size_t mark = name.rfind('>');
    if (mark == std::string_view::npos) return name;
    const std::string_view package = name.substr(0, mark), bare = name.substr(mark + 1);
    const bool ours = package == "Custom" || package == "keras" || package == "Keras";
    return ours && table::find_class(kind, bare) != nullptr ? bare : name;
}

std::string_view module_of(table::Kind kind) {
    static constexpr std::array<std::string_view, 8> modules{
        "keras.layers",     "keras.initializers",         "keras.regularizers", "keras.constraints",
        "keras.optimizers", "keras.optimizers.schedules", "keras.losses",       "keras.metrics"};
    return modules[static_cast<std::size_t>(kind)];
}

Tree node_of(std::string_view module_name, std::string_view class_name, Tree config) {
    Tree node = Tree::object();
    node.set("module", module_name);
    node.set("class_name", class_name);
    node.set("config", std::move(config));
    // Private classes are registered under their own name; the public ones must say null.
    const bool is_private = module_name.starts_with("keras.src.");
    node.set("registered_name", is_private ? Tree(class_name) : Tree());
    return node;
}

Tree custom_node(Context& context, const Place& place, std::string_view class_name, const Tree& config) {
    context.custom(place, class_name);
    const std::size_t mark = class_name.rfind('>');
    Tree node = Tree::object();
    node.set("module", Tree());
    node.set("class_name", mark == std::string_view::npos ? class_name : class_name.substr(mark + 1));
    node.set("config", config);
    node.set("registered_name", class_name);
    return node;
}

Tree value_of(std::string_view json) {
    return json::parse(json, Limits{}, "table");
}

bool same_value(const Tree& a, const Tree& b) {
    if (a.is_number() && b.is_number()) return a == b || a.as_double() == b.as_double();
    if (a.is_array() && b.is_array())
        return std::equal(a.items().begin(), a.items().end(), b.items().begin(), b.items().end(), same_value);
    return a == b;
}

std::string safe_name(std::string_view name) {
    std::string safe(name);
    std::replace(safe.begin(), safe.end(), '/', '_');
    return safe;
}

bool older_than(std::string_view version, std::string_view limit) {
    const auto parts = [](std::string_view text) {
        std::array<unsigned, 2> numbers{};
        const char* at = text.data();
        const char* end = at + text.size();
        for (unsigned& number : numbers) {
            at = std::from_chars(at, end, number).ptr;
            if (at != end) ++at;
        }
        return numbers;
    };
    return !version.empty() && parts(version) < parts(limit);
}

}  // namespace ballast::migrate
