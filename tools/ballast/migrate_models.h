// SPDX-License-Identifier: Apache-2.0
// Bringing many models to today's formats: each on its own, none over an existing file.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ballast/ballast.h"
#include "sources.h"

namespace ballast::tool {

struct Migrated {
    enum class Status : std::uint8_t {
        migrated,      ///< the whole model
        weights_only,  ///< its weights; `error` says why no more
        current,       ///< a .keras of Keras 3 already: nothing to do
        refused,       ///< nothing written; `error` says why
        there,         ///< an earlier run wrote it: left as it is
        not_tried,     ///< an earlier one was refused, or the user interrupted
    };
    FoundSource source;
    std::filesystem::path target;  ///< empty unless something is written
    Status status = Status::not_tried;
    Report report;  ///< of what was written
    std::optional<Error> error;
};
std::string_view to_string(Migrated::Status status) noexcept;

struct MigrateOptions {
    std::filesystem::path folder;  ///< where the new files go, with the subfolders of the sources
    std::string to;                ///< format id; empty = .keras, and .weights.h5 for what cannot be one
    bool keep_going = false, dry_run = false;
    bool skip_existing = false;  ///< what exists, and is no older than its source, is an earlier run's work
    std::vector<std::string> allow_loss;
    SaveOptions save;
    WriteOptions write;  ///< write.threads for all models together
};

/// What a source may become.
std::vector<std::filesystem::path> targets_of(const FoundSource& source, const MigrateOptions& options);
/// Makes a folder and those above it. Errors: write_failed.
void make_folder(const std::filesystem::path& folder);

/// The results in the order of the sources, one for each: a source that is named twice is tried once. Missing
/// folders are made. Errors are in the results, but for those of making `folder`, and usage errors.
std::vector<Migrated> migrate_models(std::span<const FoundSource> sources, const MigrateOptions& options);

}  // namespace ballast::tool
