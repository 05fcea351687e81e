// SPDX-License-Identifier: Apache-2.0
// Laying out a .keras file or its folder as Keras 3 writes it. The same model and options give the same
// bytes.
#include <algorithm>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "ballast/error.h"
#include "container/json/json.h"
#include "container/zip/write.h"
#include "dialect/guess.h"
#include "dialect/keras_v3.h"
#include "format.h"
#include "io/names.h"
#include "model/config.h"
#include "model/keras3_config.h"
#include "model/optimizer_order.h"
#include "model/paths.h"
#include "tf_keras_config.h"

namespace ballast::keras_zip {
namespace {

/// The Keras whose layout this is; said of models that come from no file of that generation.
struct Generation {
    std::string_view known_version, starts_with;
};
constexpr Generation keras3 = {"3.15.1", "3."}, tf_keras = {"2.21.0", "2."};
/// The earliest date of a zip archive, in Keras' spelling: the time of day is no part of a model.
constexpr std::string_view date_saved = "1980-01-01@00:00:00";

zip::NewMember text_member(std::string_view name, std::string_view text) {
    zip::NewMember member;
    member.name = name;
    member.size = text.size();
    const auto bytes = std::as_bytes(std::span(text));
    member.pieces.push_back({0, FixedBytes{{bytes.begin(), bytes.end()}}});
    return member;
}

std::string metadata_text(const Model& model, const Generation& generation) {
    const std::string& version = model.producer.keras_version;
    Tree metadata = Tree::object();
    metadata.set("keras_version", version.starts_with(generation.starts_with) ? std::string_view(version)
                                                                              : generation.known_version);
    metadata.set("date_saved", date_saved);
    return json::write(metadata);
}

zip::NewMember weights_member(const Model& model, const SaveOptions& options, Report& report) {
    keras_v3::Output output = keras_v3::lower_to({}, model, options, report);
    PlannedFile file = output.builders().front().plan(std::string(weights_name));
    zip::NewMember member;
    member.name = weights_name;
    member.size = file.size;
    member.pieces = std::move(file.pieces);
    member.alignment = weights_alignment;
    return member;
}

Piece copied(const Blob& asset) {
    if (const auto* extent = std::get_if<Extent>(&asset.bytes)) return {0, CopiedBytes{*extent}};
    const auto bytes = std::get<InlineBytes>(asset.bytes).bytes;
    return {0, FixedBytes{{bytes.begin(), bytes.end()}}};
}

std::uint64_t size_of(const Blob& asset) {
    if (const auto* extent = std::get_if<Extent>(&asset.bytes)) return extent->length;
    return std::get<InlineBytes>(asset.bytes).bytes.size();
}

/// A blob of another format may be called anything.
zip::NewMember asset_member(const Blob& asset, std::unordered_set<std::string>& names) {
    io::check_name(asset.name, "the assets of the model");
    if (!names.insert(asset.name).second)
        throw Error(ErrorCode::unsupported, "an asset has the name of another part of the .keras")
            .tensor(asset.name);
    zip::NewMember member;
    member.name = asset.name;
    member.size = size_of(asset);
    if (member.size != 0) member.pieces.push_back(copied(asset));
    return member;
}

void check_whole(const Model& model, const SaveOptions& options) {
    if (options.weights_only)
        throw Error(ErrorCode::invalid_argument, "a .keras file holds whole models, never weights alone")
            .hint("name the destination .weights.h5");
    if (!model.config.is_null()) return;
    throw Error(ErrorCode::needs_config,
                "a .keras file holds the model's architecture, and the source has none")
        .hint(
            "give it: --config MODEL.json (written by model.to_json()) or another .keras; or write the "
            "weights "
            "alone, to .weights.h5");
}

/// A folder is replaced whole: one that holds other things than a model is left alone.
void require_replaceable(const Location& location) {
    const auto found = location.fs->stat(location.name);
    if (!found || found->kind != io::FileKind::directory) return;
    for (const io::DirEntry& entry : location.fs->list(location.name)) {
        const std::string_view name = entry.name;
        if (name == metadata_name || name == config_name || name == weights_name ||
            name == npz_weights_name || name == assets_folder.substr(0, assets_folder.size() - 1))
            continue;
        throw Error(ErrorCode::exists, "the folder holds '" + entry.name + "', which is no part of a .keras")
            .in(location.display())
            .hint("choose a new folder: this one would be replaced with all that is in it");
    }
}

/// The members as files of a folder that takes its name whole.
WritePlan plan_folder(const Location& location, std::vector<zip::NewMember> members) {
    require_replaceable(location);
    WritePlan plan;
    plan.commit = location.name + "/";
    plan.files.reserve(members.size());
    for (zip::NewMember& member : members) {
        PlannedFile file;
        file.name = plan.commit + member.name;
        file.size = member.size;
        file.pieces = std::move(member.pieces);
        plan.files.push_back(std::move(file));
    }
    return plan;
}

/// tf_keras looks for weights where the config says: a model of which it wrote a layer once that stands at
/// two places (shared with a nested model) it does not open, nor the same written again.
void require_places_of_config(const Model& model) {
    if (model.producer.dialect != keras_v3::dialect || model.producer.flavor != "tf_keras" ||
        has_classes(model))
        return;
    Model told;
    try {
        told = model_from_config(model.config);
    } catch (const Error&) {
        return;  // one of the program's own classes, whose places nobody knows
    }
    if (!std::ranges::all_of(told.layers, weights_known)) return;
    for (const V3Group& group : v3_paths(told, layout::Framework::tf_keras)) {
        const Layer& layer = told.layers[group.layer];
        if (group.variables.empty()) continue;
        const auto stored = std::ranges::find(model.layers, group.path, &Layer::stored_key);
        if (stored != model.layers.end() && stored->weights.size() == group.variables.size()) continue;
        throw Error(ErrorCode::unsupported,
                    "layer '" + layer.name + "' (" + layer.class_name +
                        "): the file has no weights for it where tf_keras looks for them, as where a nested "
                        "model shares a layer: tf_keras opens neither the source nor a copy of it")
            .hint(
                "build the model in tf_keras, load the weights into it by code, save it as .h5 or as a "
                "SavedModel, and convert that");
    }
}

/// The config, and what the loader's own ways with optimizers ask for.
Tree for_tf_keras(const Model& model, SaveOptions& options, Report& report) {
    Tree config = tf_keras_config(model);
    const Tree& optimizer = config["compile_config"]["optimizer"];
    const bool state = model.optimizer && options.include_optimizer;
    if (is_legacy_optimizer(optimizer) && state) {
        options.include_optimizer = false;
        report.warn("tf_keras keeps no state of a legacy optimizer in a .keras: training starts it afresh");
    }
    const bool lost =
        state && model.optimizer->flavor != options.flavor && !restate_optimizer(model, options.flavor).state;
    if (is_loss_scaling(optimizer) && (!state || lost)) {
        config.erase("compile_config");
        report.warn("tf_keras opens no loss scaling without its state");
        report.warn("the training config stays behind: compile the model after loading it");
    }
    return config;
}

}  // namespace

WritePlan plan(const Model& model, const Target& target, const SaveOptions& options, Report& report) {
    check_whole(model, options);
    const bool old = options.flavor == "tf_keras";
    if (old) require_places_of_config(model);
    SaveOptions weights = options;
    const Tree config = old ? for_tf_keras(model, weights, report) : keras3_config(model.config);
    if (!old) weights.flavor = "keras3";
    std::vector<zip::NewMember> members;
    members.push_back(text_member(metadata_name, metadata_text(model, old ? tf_keras : keras3)));
    members.push_back(text_member(config_name, json::write(config)));
    members.push_back(weights_member(model, weights, report));
    std::unordered_set<std::string> names;
    for (const zip::NewMember& member : members)
        names.insert(member.name);
    for (const Blob& asset : model.assets)
        members.push_back(asset_member(asset, names));
    if (const std::size_t count = model.assets.size(); count != 0)
        report.note(std::to_string(count) + (count == 1 ? " asset" : " assets") + " carried over");
    if (target.location.kind == Location::Kind::directory)
        return plan_folder(target.location, std::move(members));
    return zip::plan_archive(target.location.name, std::move(members));
}

}  // namespace ballast::keras_zip
