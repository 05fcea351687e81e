// SPDX-License-Identifier: Apache-2.0
// Laying out a .keras file as Keras 3 writes it. The same model and options give the same bytes.
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "ballast/error.h"
#include "container/json/json.h"
#include "container/zip/write.h"
#include "dialect/keras_v3.h"
#include "format.h"
#include "io/names.h"
#include "model/keras3_config.h"

namespace ballast::keras_zip {
namespace {

/// The Keras whose layout this is; said of models that come from no Keras 3 file.
constexpr std::string_view known_version = "3.15.1";
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

std::string metadata_text(const Model& model) {
    const std::string& version = model.producer.keras_version;
    Tree metadata = Tree::object();
    metadata.set("keras_version", version.starts_with("3.") ? std::string_view(version) : known_version);
    metadata.set("date_saved", date_saved);
    return json::write(metadata);
}

zip::NewMember weights_member(const Model& model, const SaveOptions& options, Report& report) {
    SaveOptions keras3 = options;
    keras3.flavor = "keras3";
    keras_v3::Output output = keras_v3::lower_to({}, model, keras3, report);
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

}  // namespace

WritePlan plan(const Model& model, const Target& target, const SaveOptions& options, Report& report) {
    check_whole(model, options);
    const std::string config = json::write(keras3_config(model.config));
    std::vector<zip::NewMember> members;
    members.push_back(text_member(metadata_name, metadata_text(model)));
    members.push_back(text_member(config_name, config));
    members.push_back(weights_member(model, options, report));
    std::unordered_set<std::string> names;
    for (const zip::NewMember& member : members)
        names.insert(member.name);
    for (const Blob& asset : model.assets)
        members.push_back(asset_member(asset, names));
    if (const std::size_t count = model.assets.size(); count != 0)
        report.note(std::to_string(count) + (count == 1 ? " asset" : " assets") + " carried over");
    return zip::plan_archive(target.location.name, std::move(members));
}

}  // namespace ballast::keras_zip
