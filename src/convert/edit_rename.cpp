// SPDX-License-Identifier: Apache-2.0
// ModelEditor: renaming. What a name is made of depends on the dialect:
//
// Keras 3 layout  a tensor is <group>/vars/<key>; a layer's name is an attribute beside it
// legacy layout   a tensor is <layer>/<weight name>; configs and optimizer variables repeat both
// named tensors   any name; a layout kept in the metadata follows where it can, else it is given up
#include <algorithm>
#include <utility>

#include "ballast/error.h"
#include "convert/edit_model.h"
#include "core/text.h"
#include "model/config_rename.h"
#include "model/naming.h"

namespace ballast {
namespace {

constexpr std::string_view vars_part = "/vars/";

Error refused(const std::string& from, std::string message, std::string_view hint) {
    return Error(ErrorCode::invalid_argument, "'" + from + "' cannot be renamed: " + std::move(message))
        .tensor(from)
        .hint(hint);
}

/// Every component of a new path must be a name that a container takes.
void check_path(const std::string& from, const std::string& to) {
    for (const std::string_view part : split(to, '/')) {
        if (part.empty() || part == "." || part == ".." || part.find('\0') != std::string_view::npos)
            throw refused(from, "'" + to + "' is no path of names", "give a name like layers/dense/vars/0");
    }
}

bool is_below(std::string_view path, std::string_view folder, char separator = '/') {
    return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == separator;
}

/// What is left of a path without its first part `folder`.
std::string moved(std::string_view path, std::string_view folder, std::string_view to) {
    return std::string(to) + std::string(path.substr(folder.size()));
}

std::string_view parent_of(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view last_of(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

/// The layer with this canonical path; the number of layers when there is none.
LayerId layer_at(const Model& model, const std::string& path) {
    if (!model.has_layers() || path.empty()) return static_cast<LayerId>(model.layers.size());
    const std::vector<std::string> paths = canonical_layer_paths(model);
    return static_cast<LayerId>(std::find(paths.begin(), paths.end(), path) - paths.begin());
}

/// The new name of a layer: alone, or as a path beside the old one.
std::string layer_name(const std::string& from, const std::string& to) {
    if (to.find('/') != std::string::npos && parent_of(to) != parent_of(from))
        throw refused(from, "a layer keeps its place in the model", "give another last part of the path");
    const std::string name = unescape_component(last_of(to));
    if (name.empty()) throw refused(from, "the new name is empty", "give a name");
    return name;
}

void require_free_layer(const Model& model, const std::string& from, const std::string& name) {
    const std::string_view parent = parent_of(from);
    const std::string wanted =
        (parent.empty() ? std::string() : std::string(parent) + "/") + escape_component(name);
    if (layer_at(model, wanted) != model.layers.size())
        throw refused(from, "there is a layer '" + wanted + "' already", "choose another name");
}

}  // namespace

void ModelEditor::require_free(const std::string& stored) const {
    for (const Place& place : places_) {
        if (place.stored == stored)
            throw refused(stored, "there is a tensor of that name already", "choose another name");
    }
}

std::size_t ModelEditor::rename(const std::string& from, const std::string& to) {
    if (from == to) throw refused(from, "old and new name are equal", "give another name");
    std::size_t renamed = 0;
    switch (scheme_) {
        case NameScheme::keras_v3:
            renamed = rename_v3(from, to);
            break;
        case NameScheme::legacy:
            renamed = rename_legacy(from, to);
            break;
        default:
            renamed = rename_named(from, to);
    }
    list_places();
    return renamed;
}

// ---- the Keras 3 layout

std::size_t ModelEditor::rename_v3(const std::string& from, const std::string& to) {
    const std::vector<Place*> exact = find_exact(from, &Place::stored);
    const bool is_group = std::any_of(model_.layers.begin(), model_.layers.end(), [&](const Layer& layer) {
        return layer.stored_key == from || is_below(layer.stored_key, from);
    });
    if (!model_.config.is_null() && (!exact.empty() || is_group))
        throw refused(from, "the model's config says where its weights are stored", "rename the layer");
    if (!exact.empty()) return rename_v3_tensor(*exact.front(), to);
    if (is_group) return rename_v3_groups(from, to);
    const LayerId layer = layer_at(model_, from);
    if (layer < model_.layers.size()) return rename_v3_layer(layer, from, to);
    if (!find_exact(from, &Place::canonical).empty())
        throw refused(from, "a Keras 3 file keeps no roles", "rename the layer, or the stored name");
    throw not_found(from);
}

std::size_t ModelEditor::rename_v3_tensor(Place& place, const std::string& to) {
    check_path(place.stored, to);
    require_free(to);
    if (place.owner == Owner::loose)
        throw refused(place.stored, "no layer owns it", "delete it, or leave it");
    // The group stays: <group>/vars/<key>, optimizer/<group>/vars/<key>.
    const std::size_t vars = ("/" + place.stored).rfind(vars_part);
    const std::string group =
        vars == std::string::npos ? "" : place.stored.substr(0, vars + vars_part.size() - 1);
    if (group.empty() || !to.starts_with(group) || to.size() == group.size())
        throw refused(place.stored, "a variable stays in its group", "give a name that begins with " + group);
    if (place.owner == Owner::optimizer) {
        constexpr std::string_view root = "optimizer/";
        model_.optimizer->variables[place.position].stored_key = to.substr(root.size());
    } else {
        for (Place* copy : find_exact(place.stored, &Place::stored))
            model_.layers[copy->layer].weights[copy->position].stored_key = to.substr(group.size());
    }
    retag(place, to, place.canonical);
    return 1;
}

std::size_t ModelEditor::rename_v3_groups(const std::string& from, const std::string& to) {
    check_path(from, to);
    if (to.starts_with("optimizer/") || to.starts_with("metrics/") || to == "optimizer" || to == "metrics")
        throw refused(from, "Keras keeps no layers there", "give a path below layers/");
    const auto concerned = [&](const Layer& layer) {
        return layer.stored_key == from || is_below(layer.stored_key, from);
    };
    for (const Layer& layer : model_.layers) {
        const bool taken = layer.stored_key == to || is_below(layer.stored_key, to);
        if (taken && !concerned(layer))
            throw refused(from, "there is a group '" + to + "' already", "choose another name");
    }
    std::size_t renamed = 0;
    for (Place& place : places_) {
        if (place.owner != Owner::layer || !is_below(place.stored, from)) continue;
        retag(place, moved(place.stored, from, to), place.canonical);
        ++renamed;
    }
    for (Layer& layer : model_.layers)
        if (concerned(layer)) layer.stored_key = moved(layer.stored_key, from, to);
    return renamed;
}

std::size_t ModelEditor::rename_v3_layer(LayerId layer, const std::string& from, const std::string& to) {
    if (model_.producer.flavor == "tf_keras")
        throw refused(from, "files of tf_keras keep no layer names", "rename the group it is stored under");
    if (model_.layers[layer].name.empty())
        throw refused(from, "the file keeps no name for this layer", "rename the group it is stored under");
    const std::string name = layer_name(from, to);
    require_free_layer(model_, from, name);
    if (!model_.config.is_null()) {
        std::vector<std::string> path;
        for (const std::string_view part : split(from, '/'))
            path.push_back(unescape_component(part));
        if (!rename_in_config(model_.config, path, name))
            throw refused(from, "the model's config does not list it", "convert to .weights.h5 first");
        notes_.push_back("the model's config was changed with it");
    }
    model_.layers[layer].name = name;
    return static_cast<std::size_t>(std::count_if(
        places_.begin(), places_.end(), [&](const Place& place) { return is_below(place.canonical, from); }));
}

// ---- the legacy layout

std::size_t ModelEditor::rename_legacy(const std::string& from, const std::string& to) {
    const std::vector<Place*> exact = find_exact(from, &Place::stored);
    if (!exact.empty()) return rename_legacy_tensor(*exact.front(), to);
    const auto by_key = std::find_if(model_.layers.begin(), model_.layers.end(), [&](const Layer& layer) {
        return !layer.stored_key.empty() && (layer.stored_key == from || prefix_ + layer.stored_key == from);
    });
    if (by_key != model_.layers.end()) {
        const bool with_prefix = !prefix_.empty() && to.starts_with(prefix_);
        return rename_legacy_layer(static_cast<LayerId>(by_key - model_.layers.begin()),
                                   with_prefix ? to.substr(prefix_.size()) : to);
    }
    const LayerId layer = layer_at(model_, from);
    if (layer < model_.layers.size()) {
        if (model_.layers[layer].stored_key.empty())
            throw refused(from, "only layers that layer_names lists have a name in the file",
                          "rename the stored names of its weights");
        return rename_legacy_layer(layer, layer_name(from, to));
    }
    if (!find_exact(from, &Place::canonical).empty())
        throw refused(from, "a role is no name of the file", "rename the layer, or the stored name");
    throw not_found(from);
}

std::size_t ModelEditor::rename_legacy_tensor(Place& place, const std::string& to) {
    check_path(place.stored, to);
    require_free(to);
    std::string& key = place.owner == Owner::layer
                           ? model_.layers[place.layer].weights[place.position].stored_key
                           : model_.optimizer->variables[place.position].stored_key;
    if (place.owner == Owner::loose || !place.stored.ends_with("/" + key))
        throw refused(place.stored, "no list of weights names it", "delete it, or leave it");
    const std::string group = place.stored.substr(0, place.stored.size() - key.size());
    if (!to.starts_with(group) || to.size() == group.size())
        throw refused(place.stored, "a weight stays in its layer", "give a name that begins with " + group);
    key = to.substr(group.size());
    retag(place, to, place.canonical);
    return 1;
}

std::size_t ModelEditor::rename_legacy_layer(LayerId id, const std::string& to) {
    Layer& layer = model_.layers[id];
    const std::string from = layer.stored_key, old_name = layer.name;
    check_path(from, to);
    for (const Layer& other : model_.layers)
        if (other.stored_key == to || (!other.stored_key.empty() && other.name == to))
            throw refused(from, "there is a layer '" + to + "' already", "choose another name");
    if (!model_.config.is_null()) {
        const std::vector<std::string> path = {old_name};
        if (!rename_in_config(model_.config, path, to))
            throw refused(from, "the model's config does not list it", "convert with --weights-only first");
        notes_.push_back("the model's config was changed with it");
    }
    layer.stored_key = to;
    layer.name = to;
    const std::string group = prefix_ + from;
    std::size_t renamed = 0;
    for (Place& place : places_) {
        if (place.owner != Owner::layer || !is_below(place.stored, group)) continue;
        std::string& key = model_.layers[place.layer].weights[place.position].stored_key;
        const std::string old_key = key;
        if (is_below(key, from)) key = moved(key, from, to);
        rename_optimizer_keys(old_key, key);
        retag(place, prefix_ + to + "/" + key, place.canonical);
        ++renamed;
    }
    return renamed;
}

/// Optimizer variables carry the name of their weight: Adam/m/<weight name>.
void ModelEditor::rename_optimizer_keys(const std::string& old_key, const std::string& new_key) {
    if (!model_.optimizer || old_key == new_key) return;
    for (OptimizerVariable& variable : model_.optimizer->variables) {
        std::string& name = variable.stored_key;
        if (name.ends_with("/" + old_key))
            name.replace(name.size() - old_key.size(), old_key.size(), new_key);
    }
}

// ---- named tensors

std::size_t ModelEditor::rename_named(const std::string& from, const std::string& to) {
    if (to.empty()) throw refused(from, "the new name is empty", "give a name");
    std::vector<std::pair<Place*, std::string>> renames;
    for (Place* place : find(from))
        renames.emplace_back(place, to);
    if (renames.empty()) {
        for (Place& place : places_) {
            for (const char separator : {'/', '.'})
                if (is_below(place.stored, from, separator))
                    renames.emplace_back(&place, moved(place.stored, from, to));
        }
    }
    if (renames.empty()) throw not_found(from);
    for (const auto& [place, name] : renames)
        require_free(name);
    const bool has_layout = model_.has_layers();
    if (has_layout && scheme_ == NameScheme::canonical && rename_in_layout(from, to)) {
        for (const auto& [place, name] : renames)
            retag(*place, name, name);
        return renames.size();
    }
    for (const auto& [place, name] : renames) {
        retag(*place, name, scheme_ == NameScheme::canonical ? name : place->canonical);
        if (place->owner == Owner::loose && scheme_ == NameScheme::canonical)
            model_.loose[place->position].name = name;
    }
    if (has_layout && scheme_ == NameScheme::canonical) flatten();
    return renames.size();
}

/// Whether the layers of a kept layout can bear the new name.
bool ModelEditor::rename_in_layout(const std::string& from, const std::string& to) {
    const LayerId id = layer_at(model_, from);
    if (id < model_.layers.size()) {
        if (parent_of(from) != parent_of(to) || model_.layers[id].name.empty()) return false;
        model_.layers[id].name = unescape_component(last_of(to));
    } else {
        const std::vector<Place*> places = find(from);
        const bool of_layers = std::all_of(places.begin(), places.end(),
                                           [](const Place* place) { return place->owner == Owner::layer; });
        if (places.empty() || !of_layers || parent_of(from) != parent_of(to)) return false;
        for (Place* place : places)
            model_.layers[place->layer].weights[place->position].role = unescape_component(last_of(to));
    }
    if (model_.optimizer) {
        for (OptimizerVariable& variable : model_.optimizer->variables)
            if (variable.of_weight == from || is_below(variable.of_weight, from))
                variable.of_weight = moved(variable.of_weight, from, to);
    }
    return true;
}

/// Gives the layout up: the tensors keep their names, and nothing tells any more which layer they are of.
void ModelEditor::flatten() {
    notes_.push_back(
        "the layout kept in the metadata has no place for the new name and is left out: the file cannot be "
        "converted back without --config or --like");
    Model flat;
    flat.metadata = model_.metadata;
    flat.producer.dialect = model_.producer.dialect;
    for (const Place& place : places_)
        flat.loose.push_back({place.value->source()->stored_name, *place.value, Part::loose});
    model_ = std::move(flat);
}

}  // namespace ballast
