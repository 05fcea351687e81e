// SPDX-License-Identifier: Apache-2.0
// latest_checkpoint(): the state file, else numbers in names, else times.
#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ballast/checkpoint.h"
#include "ballast/error.h"
#include "ballast/io.h"
#include "ballast/registry.h"
#include "checkpoint/numbered_name.h"
#include "checkpoint/state_file.h"
#include "core/text.h"
#include "dialect/model_folder.h"
#include "dialect/shard_names.h"

namespace ballast {
namespace {

constexpr std::string_view index_suffix = ".index";  // of a TensorFlow checkpoint
/// Suffixes of checkpoints that are more than the formats' own files.
constexpr std::array<std::string_view, 3> more_suffixes = {".keras", ".weights.json",
                                                           ".safetensors.index.json"};

struct Candidate {
    std::string name;  ///< what open() takes
    NumberedName numbers;
    std::int64_t modified = 0;
    bool symlink = false;
};

class Folder {
public:
    explicit Folder(const std::filesystem::path& path) : path_(path), location_(Location::for_reading(path)) {
        if (location_.kind != Location::Kind::directory)
            throw Error(ErrorCode::not_a_file, "not a folder")
                .in(path.string())
                .hint("give the checkpoints' folder");
        entries_ = location_.fs->list("");
    }

    std::optional<LatestCheckpoint> latest() const {
        std::string missing;
        if (const std::string named = state(); !named.empty()) {
            if (exists(named)) return LatestCheckpoint{path_ / named, "the file checkpoint names it"};
            missing = "; the file checkpoint names '" + named + "', which is not there";
        }
        std::vector<Candidate> found = candidates();
        if (found.empty()) return std::nullopt;
        const std::size_t count = found.size();
        const std::vector<Candidate> winners = highest_numbers(std::move(found));
        const auto newest =
            std::max_element(winners.begin(), winners.end(), [](const auto& a, const auto& b) {
                return a.modified != b.modified ? a.modified < b.modified : natural_less(a.name, b.name);
            });
        std::string reason = "the only one";
        if (count > 1)
            reason =
                (winners.size() == 1 ? "the highest number of " : "changed last of ") + std::to_string(count);
        return LatestCheckpoint{path_ / newest->name, reason + missing};
    }

private:
    bool has(std::string_view name) const {
        return std::any_of(entries_.begin(), entries_.end(),
                           [&](const auto& entry) { return entry.name == name; });
    }

    /// The name in the state file, relative to the folder; empty when there is none.
    std::string state() const {
        constexpr std::string_view name = state_file_name;
        const auto entry =
            std::find_if(entries_.begin(), entries_.end(), [&](const auto& e) { return e.name == name; });
        if (entry == entries_.end() || entry->kind != io::FileKind::regular) return {};
        return name_of_state_path(read_state_file(*location_.fs->open(name)).latest);
    }

    bool exists(const std::string& name) const { return is_checkpoint(*location_.fs, name); }

    /// The suffix that makes it a checkpoint; empty when it is none.
    static std::string_view suffix_of(std::string_view name) {
        std::string_view longest;
        const auto consider = [&](std::string_view suffix) {
            if (name.ends_with(suffix) && name.size() > suffix.size() && suffix.size() > longest.size())
                longest = suffix;
        };
        for (const FormatInfo* info : Registry::current().infos())
            for (const std::string_view suffix : info->extensions)
                consider(suffix);
        for (const std::string_view suffix : more_suffixes)
            consider(suffix);
        return longest;
    }

    bool has_data(std::string_view prefix) const {
        const std::string data = std::string(prefix) + ".data-";
        return std::any_of(entries_.begin(), entries_.end(),
                           [&](const auto& entry) { return entry.name.starts_with(data); });
    }

    bool is_shard(std::string_view name) const {
        const std::string manifest = manifest_of_shard(name);
        return !manifest.empty() && has(manifest);
    }

    bool is_model(const std::string& name) const {
        return is_model_folder([&](std::string_view part) {
            return location_.fs->stat(name + "/" + std::string(part)).has_value();
        });
    }

    /// The name to open, and of that the part to read numbers from; nothing for what is no checkpoint.
    std::optional<std::pair<std::string, std::string_view>> checkpoint_of(const io::DirEntry& entry) const {
        const std::string& name = entry.name;
        // A TensorFlow checkpoint that was saved as "folder/" has no name of its own.
        if (name.starts_with('.') && name != index_suffix) return std::nullopt;
        if (entry.kind == io::FileKind::directory) {
            if (!is_model(name)) return std::nullopt;
            return std::pair(name, std::string_view(name));
        }
        if (entry.kind == io::FileKind::other) return std::nullopt;
        if (name.ends_with(index_suffix)) {
            const std::string_view prefix =
                std::string_view(name).substr(0, name.size() - index_suffix.size());
            if (!has_data(prefix)) return std::nullopt;
            return std::pair(prefix.empty() ? name : std::string(prefix), prefix);
        }
        const std::string_view suffix = suffix_of(name);
        if (suffix.empty() || is_shard(name)) return std::nullopt;
        return std::pair(name, std::string_view(name).substr(0, name.size() - suffix.size()));
    }

    std::vector<Candidate> candidates() const {
        std::vector<Candidate> found;
        for (const io::DirEntry& entry : entries_) {
            const auto checkpoint = checkpoint_of(entry);
            const auto stat = checkpoint ? location_.fs->stat(entry.name) : std::nullopt;
            if (!stat) continue;  // removed meanwhile
            Candidate candidate{checkpoint->first, NumberedName(checkpoint->second), stat->modified,
                                entry.kind == io::FileKind::symlink};
            // What follows the numbers tells kinds of checkpoints apart, too.
            candidate.numbers.skeleton += entry.name.substr(checkpoint->second.size());
            found.push_back(std::move(candidate));
        }
        // A link (best.h5 -> epoch-3.h5) is another name of a checkpoint: it counts where there is nothing
        // else.
        const bool files = std::any_of(found.begin(), found.end(), [](const auto& c) { return !c.symlink; });
        if (files) std::erase_if(found, [](const Candidate& candidate) { return candidate.symlink; });
        return found;
    }

    static std::vector<Candidate> highest_numbers(std::vector<Candidate> found) {
        std::map<std::string, Candidate> best;
        for (Candidate& candidate : found) {
            const auto [place, fresh] = best.try_emplace(candidate.numbers.skeleton, candidate);
            if (!fresh && place->second.numbers < candidate.numbers) place->second = std::move(candidate);
        }
        std::vector<Candidate> winners;
        winners.reserve(best.size());
        for (auto& [skeleton, candidate] : best)
            winners.push_back(std::move(candidate));
        return winners;
    }

    std::filesystem::path path_;
    Location location_;
    std::vector<io::DirEntry> entries_;
};

}  // namespace

std::optional<LatestCheckpoint> latest_checkpoint(const std::filesystem::path& folder) {
    return Folder(folder).latest();
}

}  // namespace ballast
