// SPDX-License-Identifier: Apache-2.0
// pack() and unpack(), see package.h. Formats are asked whether it is a model; the parts are the container's.
#include "ballast/package.h"

#include <algorithm>
#include <string>
#include <utility>

#include "ballast/archive.h"
#include "ballast/error.h"
#include "ballast/plan.h"
#include "container/zip/write.h"
#include "container/zip/zip.h"
#include "convert/transfer.h"
#include "dialect/keras_parts.h"
#include "io/names.h"

namespace ballast {
namespace {

struct PackagePart {
    std::string name;  ///< relative, with '/'
    std::shared_ptr<const io::Source> bytes;
};

/// Opens it as a model: what that finds wrong is wrong here, too.
void check_model(const Location& location, const Limits& limits) {
    OpenOptions options;
    options.limits = limits;
    const auto archive = open(location, options);
    if (archive->format().id == "keras") return;
    throw Error(ErrorCode::unsupported, "it is no .keras model, which alone has two forms")
        .in(location.display())
        .hint("ballast convert makes a .keras of another format");
}

/// All files below `folder`.
std::vector<PackagePart> parts_of(const Location& folder, const Limits& limits) {
    std::vector<PackagePart> parts;
    std::vector<std::string> pending = {""};
    while (!pending.empty()) {
        const std::string at = std::move(pending.back());
        pending.pop_back();
        for (const io::DirEntry& entry : folder.fs->list(at)) {
            const std::string name = at.empty() ? entry.name : at + "/" + entry.name;
            if (parts.size() + pending.size() >= limits.objects)
                throw Error(ErrorCode::limit_exceeded, "more files than the limit objects")
                    .in(folder.display());
            if (entry.kind == io::FileKind::directory)
                pending.push_back(name);
            else
                parts.push_back({name, folder.fs->open(name)});
        }
    }
    return parts;
}

using namespace keras_parts;

bool is_part(const std::string& name) {
    return name == metadata_name || name == config_name || name == weights_name ||
           name.starts_with(assets_folder);
}

/// Keras' own order, then assets by name.
void sort_as_keras(std::vector<PackagePart>& parts) {
    const auto rank = [](const PackagePart& part) {
        constexpr std::string_view first[] = {metadata_name, config_name, weights_name};
        return std::find(std::begin(first), std::end(first), part.name) - std::begin(first);
    };
    std::sort(parts.begin(), parts.end(), [&](const PackagePart& a, const PackagePart& b) {
        return rank(a) != rank(b) ? rank(a) < rank(b) : a.name < b.name;
    });
}

std::vector<Piece> copied(const std::shared_ptr<const io::Source>& source) {
    if (source->size() == 0) return {};
    return {{0, CopiedBytes{Extent{source, 0, source->size()}}}};
}

}  // namespace

void pack(const std::filesystem::path& folder, const std::filesystem::path& file,
          const PackageOptions& options) {
    const Location source = Location::for_reading(folder);
    if (source.kind != Location::Kind::directory)
        throw Error(ErrorCode::unsupported, "is no folder")
            .in(source.display())
            .hint("give the folder of a model");
    check_model(source, options.limits);
    std::vector<PackagePart> parts = parts_of(source, options.limits);
    sort_as_keras(parts);
    std::vector<zip::NewMember> members;
    members.reserve(parts.size());
    for (const PackagePart& part : parts) {
        if (!is_part(part.name))
            throw Error(ErrorCode::unsupported,
                        "the folder holds a file that is no part of a .keras model: " + part.name)
                .in(source.display())
                .hint("move it elsewhere");
        const std::uint64_t alignment = part.name == weights_name ? weights_alignment : 1;
        members.push_back({part.name, part.bytes->size(), copied(part.bytes), alignment});
    }
    const Location target = Location::for_writing(file);
    const WritePlan plan = zip::plan_archive(target.name, std::move(members));
    if (!options.dry_run) execute(plan, target.fs, options.write);
}

void unpack(const std::filesystem::path& file, const std::filesystem::path& folder,
            const PackageOptions& options) {
    const Location source = Location::for_reading(file);
    if (source.kind != Location::Kind::file)
        throw Error(ErrorCode::unsupported, "is no file").in(source.display()).hint("give a .keras file");
    check_model(source, options.limits);
    const auto bytes = source.fs->open(source.name);
    const auto directory = zip::read_directory(*bytes, options.limits);
    const std::filesystem::path whole = folder.has_filename() ? folder : folder.parent_path();
    const Location target = Location::for_writing(whole);
    WritePlan plan;
    plan.commit = target.name + "/";
    for (const zip::Member& member : directory->members) {
        io::check_name(member.is_folder() ? std::string_view(member.name).substr(0, member.name.size() - 1)
                                          : member.name,
                       source.display());
        PlannedFile planned;
        planned.name = plan.commit + member.name;
        if (!member.is_folder()) {
            const auto content = zip::open_member(bytes, member, options.limits);
            planned.size = content->size();
            planned.pieces = copied(content);
        }
        plan.files.push_back(std::move(planned));
    }
    if (!options.dry_run) execute(plan, target.fs, options.write);
}

}  // namespace ballast
