// SPDX-License-Identifier: Apache-2.0
// Repairing TensorFlow's state file: paths that no longer lead to the checkpoints beside it.
#include <algorithm>

#include "ballast/checkpoint.h"
#include "ballast/error.h"
#include "checkpoint/state_file.h"
#include "convert/pipeline.h"

namespace ballast {
namespace {

namespace stdfs = std::filesystem;

class Repair {
public:
    explicit Repair(const stdfs::path& folder) : folder_(folder), location_(Location::for_reading(folder)) {
        if (location_.kind != Location::Kind::directory)
            throw Error(ErrorCode::not_a_file, "not a folder")
                .in(folder.string())
                .hint("give the checkpoints' folder");
    }

    bundle::StateFile run(std::vector<std::string>& changes) {
        const std::string name(state_file_name);
        if (!location_.fs->stat(name))
            throw Error(ErrorCode::not_found, "the folder holds no state file 'checkpoint'")
                .in(folder_.string());
        const bundle::StateFile old = read_state_file(*location_.fs->open(name));
        if (old.latest.empty() && old.all.empty())
            throw Error(ErrorCode::damaged, "the state file names no checkpoint")
                .in((folder_ / name).string());
        bundle::StateFile fresh;
        fresh.last_preserved = old.last_preserved;
        for (std::size_t i = 0; i < old.all.size(); ++i) {
            std::string path = repaired(old.all[i], changes);
            if (path.empty()) continue;
            fresh.all.push_back(std::move(path));
            if (!old.times.empty()) fresh.times.push_back(old.times[i]);
        }
        std::vector<std::string> ignored;  // the latest is in the list as well
        const bool listed = std::find(old.all.begin(), old.all.end(), old.latest) != old.all.end();
        fresh.latest = repaired(old.latest, listed ? ignored : changes);
        if (fresh.latest.empty() && fresh.all.empty())
            throw Error(ErrorCode::not_found, "none of the checkpoints that the state file names is there")
                .in((folder_ / name).string())
                .hint("remove the file: `ballast latest` goes by names and times then");
        if (fresh.latest.empty()) {
            fresh.latest = fresh.all.back();
            changes.push_back("the latest is now '" + fresh.latest + "'");
        }
        return fresh;
    }

private:
    /// The path to write; empty where it leads nowhere.
    std::string repaired(const std::string& path, std::vector<std::string>& changes) const {
        if (path.empty()) return {};
        // TensorFlow's pattern for a set of version 1 stays a pattern.
        const std::string here = name_of_state_path(path);
        const std::string_view last = std::string_view(path).substr(path.rfind('/') + 1);
        const bool local = here.find('/') == std::string::npos;
        const std::string written = local ? std::string(last) : here;
        if (!here.empty() && written == path && is_checkpoint(*location_.fs, here)) return path;
        const bool elsewhere = is_alive_elsewhere(path);
        if (!elsewhere && !here.empty() && is_checkpoint(*location_.fs, here)) {
            changes.push_back("'" + path + "' is now '" + written + "'");
            return written;
        }
        if (elsewhere) return path;
        changes.push_back("'" + path + "' is not there, and left out");
        return {};
    }

    /// An absolute path that leads to a checkpoint outside of this folder.
    bool is_alive_elsewhere(const std::string& path) const {
        const stdfs::path absolute(path);
        if (!absolute.is_absolute() || path.find('\0') != std::string::npos) return false;
        std::error_code ignored;
        if (stdfs::equivalent(absolute.parent_path(), folder_, ignored)) return false;
        const std::string name = name_of_state_path(path);
        const stdfs::path place = absolute.parent_path() / name;
        return !name.empty() &&
               (stdfs::exists(place, ignored) || stdfs::exists(place.string() + ".index", ignored));
    }

    stdfs::path folder_;
    Location location_;
};

}  // namespace

StateFileRepair repair_state_file(const stdfs::path& folder, bool dry_run, const WriteOptions& options) {
    StateFileRepair result;
    result.file = folder / state_file_name;
    const bundle::StateFile state = Repair(folder).run(result.changes);
    if (result.changes.empty() || dry_run) return result;
    WriteOptions write = options;
    write.overwrite = Overwrite::allow;
    write_text(Location::for_writing(result.file), bundle::write_state(state), write);
    return result;
}

}  // namespace ballast
