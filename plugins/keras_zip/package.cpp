// SPDX-License-Identifier: Apache-2.0
// The parts of a .keras file or of its folder, see format.h.
#include <algorithm>
#include <set>
#include <utility>

#include "ballast/error.h"
#include "container/zip/zip.h"
#include "core/text.h"
#include "dialect/zip_members.h"
#include "format.h"
#include "io/names.h"

namespace ballast::keras_zip {
namespace {

constexpr std::string_view looked_for = "config.json beside model.weights.h5, in a zip archive or a folder";

bool is_model_part(std::string_view name) {
    return name == weights_name || name == npz_weights_name || name == metadata_name;
}

Match recognise_zip(Probe& probe) {
    Match no = {Confidence::no, true, std::string(looked_for)};
    if (!zip::starts_like_zip(probe.head())) return no;
    const auto& members = zip_directory(probe)->members;
    const auto has = [&](auto&& is) {
        return std::any_of(members.begin(), members.end(),
                           [&](const zip::Member& member) { return is(member.name); });
    };
    const bool config = has([](std::string_view name) { return name == config_name; });
    const bool other = has(is_model_part);
    if (config && other) return {Confidence::certain, true, std::string(looked_for)};
    // A part is missing: open() says which.
    if (config || has([](std::string_view name) { return name == weights_name; }))
        return {Confidence::maybe, true, std::string(looked_for)};
    return no;
}

/// Other programs keep a config.json in their folders, too.
Match recognise_folder(const Location& location) {
    const auto has = [&](std::string_view name) {
        const auto found = location.fs->stat(name);
        return found && found->kind == io::FileKind::regular;
    };
    const bool ours = has(config_name) && (has(weights_name) || has(npz_weights_name));
    return {ours ? Confidence::certain : Confidence::no, true, std::string(looked_for)};
}

void check_relative(std::string_view name, const std::string& path) {
    try {
        io::check_name(name, path);
    } catch (Error& error) {
        error.tensor(name);
        throw;
    }
}

/// A member's name becomes a file's name when somebody unpacks the archive.
void check_names(const Package& package) {
    std::set<std::string> folded;
    for (const Package::Part& part : package.parts) {
        check_relative(part.name, package.path);
        const bool odd = std::any_of(part.name.begin(), part.name.end(), [](char c) {
            return c == '\\' || static_cast<unsigned char>(c) < 0x20;
        });
        const bool drive = part.name.size() > 1 && part.name[1] == ':';
        if (odd || drive)
            throw Error(ErrorCode::unsafe_name, "a member's name means something else on other systems")
                .in(package.path)
                .tensor(part.name)
                .hint("no Keras writes such names: do not unpack this file");
        std::string lower = part.name;
        std::transform(lower.begin(), lower.end(), lower.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
        if (!folded.insert(std::move(lower)).second)
            throw Error(ErrorCode::damaged, "two members have names that differ in case alone")
                .in(package.path)
                .tensor(part.name)
                .hint("no Keras writes such names: do not unpack this file");
    }
}

Package open_zip(Probe& probe) {
    Package package{probe.location().display(), {}};
    const Limits& limits = probe.options().limits;
    for (const zip::Member& member : zip_directory(probe)->members) {
        if (member.is_folder()) {
            check_relative(std::string_view(member.name).substr(0, member.name.size() - 1), package.path);
            continue;
        }
        // The weights are read in any order and in part; config and assets as a whole.
        const zip::Check check = member.name == weights_name ? zip::Check::reads : zip::Check::crc;
        package.parts.push_back({member.name, zip::open_member(probe.source(), member, limits, check)});
    }
    return package;
}

Package open_folder(const Probe& probe) {
    const Location& location = probe.location();
    Package package{location.display(), {}};
    for (const std::string_view name : {metadata_name, config_name, weights_name, npz_weights_name}) {
        if (location.fs->stat(name)) package.parts.push_back({std::string(name), location.fs->open(name)});
    }
    std::vector<std::string> pending;
    const auto assets = location.fs->stat("assets");
    if (assets && assets->kind == io::FileKind::directory) pending.emplace_back("assets");
    while (!pending.empty()) {
        const std::string folder = std::move(pending.back());
        pending.pop_back();
        for (const io::DirEntry& entry : location.fs->list(folder)) {
            std::string name = folder + "/" + entry.name;
            if (package.parts.size() + pending.size() >= probe.options().limits.objects)
                throw Error(ErrorCode::limit_exceeded, "more assets than the limit objects")
                    .in(package.path)
                    .tensor(name);
            if (entry.kind == io::FileKind::directory) {
                pending.push_back(std::move(name));
            } else {
                package.parts.push_back({name, location.fs->open(name)});
            }
        }
    }
    return package;
}

}  // namespace

const Package::Part* Package::find(std::string_view name) const noexcept {
    const auto found =
        std::find_if(parts.begin(), parts.end(), [&](const Part& part) { return part.name == name; });
    return found == parts.end() ? nullptr : &*found;
}

Match recognise(Probe& probe) {
    return probe.location().kind == Location::Kind::directory ? recognise_folder(probe.location())
                                                              : recognise_zip(probe);
}

Package open_package(Probe& probe) {
    const bool folder = probe.location().kind == Location::Kind::directory;
    if (!folder && !probe.source())
        throw Error(ErrorCode::not_a_file, "a .keras model is a file or a folder")
            .in(probe.location().display());
    Package package = folder ? open_folder(probe) : open_zip(probe);
    check_names(package);
    return package;
}

}  // namespace ballast::keras_zip
