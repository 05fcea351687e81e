// SPDX-License-Identifier: Apache-2.0
// The format saved_model: a folder with saved_model.pb, whose variables are a TensorFlow checkpoint.
#include "ballast/format.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "ballast/archive.h"
#include "container/bundle/bundle.h"
#include "dialect/lifting.h"
#include "dialect/tf_graph.h"
#include "folder.h"
#include "model/optimizer_order.h"
#include "vocabularies.h"
#include "write.h"

namespace ballast::formats {

extern const FormatInfo saved_model_info;

namespace {

using saved_model::Folder;

/// The folder itself, or its saved_model.pb given for the whole.
bool stands_for_folder(const Location& location) {
    return location.kind == Location::Kind::directory ||
           (location.kind == Location::Kind::file && location.name == saved_model::graph_file);
}

bool has_file(const io::Fs& fs, std::string_view name) {
    const auto found = fs.stat(name);
    return found && found->kind == io::FileKind::regular;
}

/// A model without variables has no folder for them.
ArchiveContents lift_variables(const Location& location, const OpenOptions& options,
                               std::vector<Blob> assets) {
    const std::string prefix(saved_model::variables_prefix);
    if (!location.fs->stat(bundle::index_name(prefix))) {
        Lifting nothing;
        nothing.blobs = std::move(assets);
        return nothing.finish(Lifting::IndexOrder::as_bound);
    }
    return tf_graph::lift(*bundle::Bundle::parse(location.fs, prefix, options.limits), options,
                          std::move(assets));
}

/// A folder is replaced whole: one that holds other things than a SavedModel is left alone.
void require_replaceable(const Location& location) {
    constexpr std::array<std::string_view, 8> members = {"saved_model.pb",    "saved_model.pbtxt",
                                                         "keras_metadata.pb", "fingerprint.pb",
                                                         "variables",         "assets",
                                                         "assets.extra",      "debug"};
    const auto found = location.fs->stat(location.name);
    if (!found || found->kind != io::FileKind::directory) return;
    for (const io::DirEntry& entry : location.fs->list(location.name)) {
        if (std::ranges::find(members, entry.name) != members.end()) continue;
        throw Error(ErrorCode::exists,
                    "the folder holds '" + entry.name + "', which is no part of a SavedModel")
            .in(location.display())
            .hint("choose a new folder: this one would be replaced with all that is in it");
    }
}

/// Keras 2 keeps the architecture and the training config in the metadata of the root.
void add_configs(const Folder& folder, const Tree& config, ArchiveContents& contents) {
    Model& model = *contents.model;
    model.config = config;
    model.training_config = folder.root["training_config"];
    const Tree& optimizer = model.training_config["optimizer_config"];
    if (!model.optimizer || !optimizer["class_name"].is_string()) return;
    const std::string_view name = optimizer["class_name"].as_string();
    model.optimizer->class_name = plain_class(name);  // "Custom>Adam"
    model.optimizer->config = optimizer;
}

class SavedModelFormat final : public Format {
public:
    const FormatInfo& info() const noexcept override { return saved_model_info; }

    Match probe(Probe& probe) const override {
        const Location& location = probe.location();
        if (!stands_for_folder(location)) return {Confidence::no, true, "a folder with saved_model.pb"};
        for (const std::string_view name : {saved_model::graph_file, saved_model::text_file})
            if (has_file(*location.fs, name)) return {Confidence::certain, true, std::string(name)};
        return {Confidence::no, true, "a folder with saved_model.pb"};
    }

    std::shared_ptr<Archive> open(Probe& probe) const override {
        const Location& location = probe.location();
        if (!stands_for_folder(location))
            throw Error(ErrorCode::not_a_file, "a SavedModel is a folder").in(location.display());
        if (!has_file(*location.fs, saved_model::graph_file))
            throw Error(ErrorCode::unsupported, "the SavedModel is in text form (saved_model.pbtxt)")
                .in(location.display())
                .hint("load and save it once in TensorFlow, which writes saved_model.pb");
        Folder folder = saved_model::read_folder(*location.fs, probe.options().limits);
        const Tree config = saved_model::model_config(folder.root);
        OpenOptions options = probe.options();
        const bool lent = !options.config.is_null();
        if (!lent && !config.is_null()) {
            options.config = config;
            options.config_path = location.display();
        }
        const Tree metadata = saved_model::described(folder);
        ArchiveContents contents = lift_variables(location, options, std::move(folder.assets));
        contents.format = &info();
        contents.used_config = contents.used_config && lent;
        contents.kind = config.is_null() ? contents.kind : "model";
        if (contents.kind.empty()) contents.kind = "weights";
        contents.metadata = metadata;
        if (!config.is_null()) {
            Tree whole = config;
            saved_model::add_vocabularies(*location.fs, folder, *contents.model, options.limits, whole);
            add_configs(folder, whole, contents);
        } else {
            add_configs(folder, config, contents);
        }
        return std::make_shared<Archive>(location, std::move(contents));
    }

    WritePlan plan(const Model& model, const Target& target, const SaveOptions& options,
                   Report& report) const override {
        require_replaceable(target.location);
        // Who asks for the config alone leaves the functions behind.
        if (target.old && options.flavor != saved_model::config_flavor)
            return saved_model::plan_with_values(model, target, options, report);
        if (options.flavor == saved_model::traced_flavor)
            throw Error(ErrorCode::unsupported,
                        "functions and signatures are graphs that only TensorFlow's tracing makes")
                .in(target.location.display())
                .hint(
                    "save the model once in its framework, model.save() or model.export(), and fill that "
                    "SavedModel with these weights: --like FOLDER");
        return saved_model::plan_from_config(model, target, options, report);
    }
};

}  // namespace

const Format& saved_model();
const Format& saved_model() {
    static const SavedModelFormat format;
    return format;
}

}  // namespace ballast::formats
