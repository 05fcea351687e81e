// SPDX-License-Identifier: Apache-2.0
// migrate_config: our config migration without any file format, for tests/interop/test_migrate.py. Reads one
// JSON object a line, {"model": …, "training": …, "keras_version": …, "exact": true}, and writes one a line,
// {"model", "compile", "notes", "custom_objects", "renamed"} or {"error"}.
#include <iostream>
#include <string>

#include "ballast/error.h"
#include "container/json/json.h"
#include "model/migrate/migrate.h"

namespace {

using namespace ballast;

Tree notes_of(const migrate::Migrated& migrated) {
    Tree notes = Tree::array();
    for (const migrate::Note& note : migrated.notes)
        notes.push_back(Tree::Array{migrate::to_string(note.kind), note.layer, note.class_name, note.text});
    return notes;
}

Tree answer(const Tree& request) {
    migrate::Options options;
    options.where = "request";
    options.keras_version = std::string(request["keras_version"].as_string());
    options.exact_hard_sigmoid = request["exact"].as_bool().value_or(true);
    for (const auto& [old_name, name] : request["activations"].members())
        options.activations.emplace_back(old_name, std::string(name.as_string()));
    const migrate::Migrated model = migrate::migrate_to_keras3(request["model"], options);
    Tree result = Tree::object(), custom = Tree::array(), renamed = Tree::object();
    result.set("model", model.config);
    result.set("notes", notes_of(model));
    for (const std::string& name : model.custom_objects)
        custom.push_back(name);
    for (const auto& [old_name, name] : model.renamed_layers)
        renamed.set(old_name, name);
    result.set("custom_objects", std::move(custom));
    result.set("renamed", std::move(renamed));
    if (request["training"].is_object()) {
        const migrate::Migrated training = migrate::migrate_training(request["training"], model, options);
        result.set("compile", training.config);
        result.set("compile_notes", notes_of(training));
    }
    return result;
}

}  // namespace

int main() {
    for (std::string line; std::getline(std::cin, line);) {
        Tree result;
        try {
            result = answer(json::parse(line, Limits{}, "request"));
        } catch (const Error& error) {
            result = Tree::object();
            result.set("error", error.what());
        }
        std::cout << json::write(result) << '\n' << std::flush;
    }
}
