// SPDX-License-Identifier: Apache-2.0
// Migrating a whole model, see modernise.h.
#include "convert/modernise.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ballast/align.h"
#include "ballast/error.h"
#include "convert/own_places.h"
#include "dialect/own_layers.h"
#include "model/config.h"
#include "model/foreign_weights.h"
#include "model/migrate/keras3_h5.h"
#include "model/migrate/migrate.h"
#include "model/naming.h"

namespace ballast {
namespace {

using migrate::Migrated;
using migrate::NoteKind;

std::string text_of(const migrate::Note& note) {
    return note.layer.empty() ? note.text
                              : "layer '" + note.layer + "' (" + note.class_name + "): " + note.text;
}

void report_custom(const std::vector<std::string>& classes, Report& report) {
    std::string names;
    for (const std::string& name : classes)
        names += (names.empty() ? "" : ", ") + name;
    if (!names.empty()) report.warn("load_model must be given custom_objects for: " + names);
}

/// Notes that change what the model computes, or what its loader needs, are for everyone; the rest is
/// counted.
void report_notes(const Migrated& migrated, Report& report, std::string_view framework = "Keras 3") {
    std::map<std::string_view, std::size_t> counts;
    for (const migrate::Note& note : migrated.notes) {
        if (note.kind == NoteKind::changed || note.kind == NoteKind::custom || note.kind == NoteKind::refused)
            report.warn(text_of(note));
        else
            ++counts[migrate::to_string(note.kind)];
    }
    std::string summary;
    for (const auto& [kind, count] : counts)
        summary += (summary.empty() ? "" : ", ") + std::to_string(count) + " " + std::string(kind);
    if (!summary.empty()) report.note("the config was brought to " + std::string(framework) + ": " + summary);
    report_custom(migrated.custom_objects, report);
}

/// Old canonical paths of renamed layers, by the new ones. Names of the old config may hold slashes; those of
/// the new one do not.
std::map<std::string, std::string> old_paths(const Migrated& migrated) {
    const std::map<std::string, std::string> old_of = [&] {
        std::map<std::string, std::string> pairs;
        for (const auto& [before, now] : migrated.renamed_layers)
            pairs.emplace(now, before);
        return pairs;
    }();
    std::map<std::string, std::string> canonical;
    for (const auto& [now, before] : old_of) {  // parents come before what is in them
        const std::size_t slash = now.rfind('/');
        if (slash == std::string::npos) {
            canonical.emplace(now, escape_component(before));
            continue;
        }
        const std::string parent = now.substr(0, slash);
        const auto renamed = old_of.find(parent);
        const std::string& parent_before = renamed == old_of.end() ? parent : renamed->second;
        const auto known = canonical.find(parent);
        canonical.emplace(
            now, (known == canonical.end() ? parent : known->second) + "/" +
                     escape_component(before.substr(std::min(before.size(), parent_before.size() + 1))));
    }
    return canonical;
}

/// Deeper layers first: the first rule that fits counts.
std::vector<MapRule> rules_for(const Model& model, const Migrated& migrated) {
    std::vector<std::string> weights;
    for (const auto& of_layer : canonical_weight_names(model))
        weights.insert(weights.end(), of_layer.begin(), of_layer.end());
    std::vector<MapRule> rules;
    for (const auto& pair : old_paths(migrated)) {
        const std::string &now = pair.first, &before = pair.second;
        const auto lies_below = [&before](const std::string& name) { return name.starts_with(before + "/"); };
        // A layer without weights has nothing to lead anywhere.
        if (std::ranges::any_of(weights, lies_below)) rules.push_back({before + "/*", now + "/$1"});
    }
    std::ranges::stable_sort(rules, std::greater(),
                             [](const MapRule& rule) { return std::ranges::count(rule.to, '/'); });
    return rules;
}

void give_cell(Model& model, LayerId id, std::string_view class_name) {
    Layer cell;
    cell.class_name = class_name;
    cell.trainable = model.layers[id].trainable;
    cell.weights = std::exchange(model.layers[id].weights, {});
    model.layers[id].edges.push_back(
        {Edge::Kind::attribute, "cell", static_cast<LayerId>(model.layers.size())});
    model.layers.push_back(std::move(cell));
}

/// The program's own recurrent layers keep their weights where those do that they were made of.
void give_cells_to_own(Model& model) {
    const std::size_t count = model.layers.size();
    for (LayerId id = 0; id < count; ++id)
        if (!weights_known(model.layers[id]) && hides_a_cell(model.layers[id])) give_cell(model, id, {});
}

/// CuDNNLSTM and CuDNNGRU own their weights; the LSTM and GRU they become keep them in a cell, in an
/// arrangement that the optimizer's state does not have.
void give_cells_to_cudnn(Model& model, Report& report) {
    constexpr std::pair<std::string_view, std::string_view> cells[] = {{"CuDNNLSTM", "LSTMCell"},
                                                                       {"CuDNNGRU", "GRUCell"}};
    for (const auto& pair : cells) {
        for (LayerId id = 0; id < model.layers.size(); ++id) {
            if (model.layers[id].class_name != pair.first || model.layers[id].weights.empty()) continue;
            give_cell(model, id, pair.second);
            leave_optimizer(model, old_arrangement, report);
        }
    }
}

/// Compile data that Keras 3 does not have are left behind: the model loads without them.
void add_training(const Model& old, const Migrated& migrated, const migrate::Options& options, Tree& config,
                  Report& report) {
    const Tree& stored = old.training_config.is_null() ? old.config["compile_config"] : old.training_config;
    if (!stored.is_object()) return;
    const Migrated training = migrate::migrate_training(stored, migrated, options);
    report_notes(training, report);
    if (!training.complete())
        return report.warn("the training config stays behind: compile the model after loading it");
    config.set("compile_config", training.config);
}

/// A model of Keras 3 out of its own .h5, as it would be out of a .keras.
Model completed(Model model, Report& report) {
    migrate::Completed whole = migrate::complete_keras3(model.config, model.training_config);
    report_custom(whole.custom_objects, report);
    Model result = align(model, model_from_config(whole.config), {}, report);
    result.config = std::move(whole.config);
    result.training_config = Tree();
    result.producer = model.producer;
    return result;
}

}  // namespace

Model modernised(Model model, Report& report) {
    if (model.config.is_null()) return model;
    if (config_framework(model.config) == layout::Framework::keras3)
        return model.config.find("module") != nullptr ? model : completed(std::move(model), report);
    migrate::Options options;
    options.keras_version = model.producer.keras_version;
    options.where = report.source;
    const Migrated migrated = migrate::migrate_to_keras3(model.config, options);
    report_notes(migrated, report);
    migrate::require_complete(migrated, report.source);
    Tree config = migrated.config;
    add_training(model, migrated, options, config, report);
    give_cells_to_cudnn(model, report);
    give_cells_to_own(model);
    AlignOptions places;
    places.map = rules_for(model, migrated);
    Model places_of = model_from_config(migrated.config);
    take_own_places(model, places_of, old_paths(migrated));
    Model result = align(model, places_of, places, report);
    fit_recurrent_weights(result, report);
    result.config = std::move(config);
    result.training_config = Tree();
    result.producer = model.producer;
    if (result.assets.empty()) result.assets = std::move(model.assets);
    return result;
}

Model for_tf_keras(Model model, Report& report) {
    if (model.config.is_null() || config_framework(model.config) != layout::Framework::keras3) return model;
    if (model.config.find("module") == nullptr) model = completed(std::move(model), report);
    migrate::Options options;
    options.where = report.source;
    Migrated migrated = migrate::migrate_to_keras2(model.config, options);
    report_notes(migrated, report, "Keras 2");
    migrate::require_complete(migrated, report.source);
    Model result = align(model, model_from_config(migrated.config), {}, report);
    result.config = std::move(migrated.config);
    result.training_config = Tree();
    result.producer = model.producer;
    if (result.assets.empty()) result.assets = std::move(model.assets);
    return result;
}

}  // namespace ballast
