// SPDX-License-Identifier: Apache-2.0
// BackupAndRestore: weights under a new name each time, and one small file whose rename makes them the
// backup.
#include <string>
#include <system_error>
#include <utility>

#include "ballast/checkpoint.h"
#include "ballast/error.h"
#include "checkpoint/folders.h"
#include "container/json/json.h"
#include "convert/pipeline.h"

namespace ballast {
namespace {

namespace stdfs = std::filesystem;

constexpr std::string_view state_name = "backup.json", weights_prefix = "backup-",
                           weights_suffix = ".safetensors";

bool is_weights(const stdfs::path& path) {
    const std::string name = path.filename().string();
    return name.starts_with(weights_prefix) && name.ends_with(weights_suffix);
}

/// The backup's own file; null when there is none.
Tree read_state(const stdfs::path& folder) {
    const stdfs::path path = folder / state_name;
    std::error_code ignored;
    if (!stdfs::exists(path, ignored)) return {};
    const Limits limits;
    return json::parse(read_text(Location::for_reading(path), limits), limits, path.string());
}

stdfs::path weights_of(const Tree& state, const stdfs::path& folder) {
    const stdfs::path name(std::string(state["weights"].as_string()));
    if (name.has_parent_path() || !is_weights(name))
        throw Error(ErrorCode::damaged, "the backup names no weights").in((folder / state_name).string());
    return folder / name;
}

/// What is not the backup's: of earlier ones, and of saves that ended half way.
void remove_others(const stdfs::path& folder, const stdfs::path& keep) {
    std::error_code ignored;
    for (const auto& entry : stdfs::directory_iterator(folder, ignored))
        if (is_weights(entry.path()) && entry.path().filename() != keep.filename())
            stdfs::remove(entry.path(), ignored);
}

}  // namespace

BackupAndRestore::BackupAndRestore(stdfs::path folder, SaveWeightsOptions save)
    : folder_(std::move(folder)), save_(std::move(save)) {}

void BackupAndRestore::save_model(const ProgramModel& model, const TrainingState& state) {
    make_folders(folder_);
    const std::uint64_t number = read_state(folder_)["number"].as_uint64().value_or(0) + 1;
    const std::string weights =
        std::string(weights_prefix) + std::to_string(number) + std::string(weights_suffix);
    SaveWeightsOptions options = save_;
    options.format = "safetensors";
    options.max_shard_size = {};  // one file, which one name in the state stands for
    options.overwrite = true;     // of what a crash left under that name
    save_weights(model, Location::for_writing(folder_ / weights), options);
    Tree tree = Tree::object();
    tree.set("schema", 1);
    tree.set("number", Tree(number));
    tree.set("weights", weights);
    tree.set("epoch", Tree(state.epoch));
    tree.set("batch", Tree(state.batch));
    tree.set("user", state.user);
    WriteOptions write;
    write.overwrite = Overwrite::allow;
    write.durable = save_.durable;
    write_text(Location::for_writing(folder_ / state_name), json::write(tree, 1) + "\n", write);
    remove_others(folder_, weights);
}

std::optional<TrainingState> BackupAndRestore::restore_model(const std::function<ProgramModel()>& model) {
    const Tree tree = read_state(folder_);
    if (tree.is_null()) return std::nullopt;
    load_weights(model(), Location::for_reading(weights_of(tree, folder_)));
    return TrainingState{tree["epoch"].as_uint64().value_or(0), tree["batch"].as_uint64().value_or(0),
                         tree["user"]};
}

void BackupAndRestore::remove() {
    std::error_code ignored;
    stdfs::remove(folder_ / state_name, ignored);
    remove_others(folder_, {});
    stdfs::remove(folder_, ignored);  // unless something else lies there
}

}  // namespace ballast
