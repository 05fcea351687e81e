// SPDX-License-Identifier: Apache-2.0
// Removing a checkpoint with all that belongs to it.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/error.h"
#include "ballast/format.h"
#include "checkpoint/kept_files.h"
#include "dialect/shard_manifest.h"

namespace ballast {
namespace {

namespace stdfs = std::filesystem;

/// The files that a manifest names, in its own folder.
std::vector<stdfs::path> members(const stdfs::path& manifest) {
    Probe probe(Location::for_reading(manifest), {});
    std::vector<stdfs::path> files;
    for (const std::string& name : shard_manifest(probe)->files)
        files.push_back(manifest.parent_path() / name);
    return files;
}

bool is_manifest(std::string_view name) {
    return name.ends_with(".weights.json") || name.ends_with(".safetensors.index.json");
}

/// "prefix.index" and "prefix.data-00000-of-00001".
std::vector<stdfs::path> files_of_prefix(const stdfs::path& prefix) {
    const std::string data = prefix.filename().string() + ".data-";
    std::vector<stdfs::path> files = {prefix.string() + ".index"};
    const stdfs::path folder = prefix.has_parent_path() ? prefix.parent_path() : stdfs::path(".");
    for (const auto& entry : stdfs::directory_iterator(folder))
        if (entry.path().filename().string().starts_with(data)) files.push_back(entry.path());
    return files;
}

void remove_file(const stdfs::path& path) {
    std::error_code error;
    stdfs::remove(path, error);
    if (error)
        throw Error(ErrorCode::write_failed, "the old checkpoint cannot be removed: " + error.message())
            .in(path.string());
}

}  // namespace

void remove_checkpoint(const stdfs::path& path) {
    std::error_code ignored;
    const stdfs::file_status status = stdfs::symlink_status(path, ignored);
    if (stdfs::is_directory(status)) {
        std::error_code error;
        stdfs::remove_all(path, error);
        if (error)
            throw Error(ErrorCode::write_failed, "the old checkpoint cannot be removed: " + error.message())
                .in(path.string());
        return;
    }
    if (!stdfs::exists(status)) {
        // What makes the set goes first: a reader sees it whole or not at all.
        if (stdfs::exists(path.string() + ".index", ignored))
            for (const stdfs::path& file : files_of_prefix(path))
                remove_file(file);
        return;
    }
    std::vector<stdfs::path> also;
    if (is_manifest(path.filename().string())) also = members(path);
    remove_file(path);
    for (const stdfs::path& file : also)
        remove_file(file);
}

}  // namespace ballast
