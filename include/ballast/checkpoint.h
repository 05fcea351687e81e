// SPDX-License-Identifier: Apache-2.0
// Checkpoints while a program trains: saving them by rules, keeping some, going on from the last.
//
//   ballast::ModelCheckpoint saver("run/{epoch:02d}-{val_loss:.2f}.weights.h5",
//                                  {.monitor = "val_loss", .max_to_keep = 3, .keep_best = 1});
//   saver.on_epoch_end(net, epoch, {{"loss", loss}, {"val_loss", val_loss}});
//
// Include weights.h for nets that are plain structs. Each object is for one thread at a time; what it does on
// a thread of its own (asynchronous saves) it keeps apart from the caller's.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ballast/export.h"
#include "ballast/program_weights.h"
#include "ballast/tree.h"

namespace ballast {

/// The newest checkpoint of a folder, and how it was found.
struct LatestCheckpoint {
    std::filesystem::path path;  ///< what open() takes; of TensorFlow checkpoints the prefix
    std::string reason;          ///< "the file checkpoint names it", "highest number 12", "newest of 3"
};

/// Which checkpoint of the folder is the newest:
/// 1. The one that the state file `checkpoint` (TensorFlow's) names, when it is there.
/// 2. Else, of the checkpoints whose names differ in numbers only, the one with the highest number: that
///    after `step`, `epoch` and the like where names have such words, else the first number that differs.
/// 3. Of what is left (names that differ in more), the one that was changed last; then the last in natural
///    order.
/// A checkpoint is a file with the suffix of a format (without the members of shard sets and temporaries), a
/// TensorFlow prefix, or a SavedModel folder. Subfolders are not searched. nullopt when there is none.
/// Errors: not_found, not_a_file (no folder), unreadable.
BALLAST_API std::optional<LatestCheckpoint> latest_checkpoint(const std::filesystem::path& folder);

/// What repair_state_file() did.
struct StateFileRepair {
    std::filesystem::path file;        ///< the state file
    std::vector<std::string> changes;  ///< a sentence each; empty when there was nothing to do
};

/// Brings TensorFlow's state file `checkpoint` in order: paths of checkpoints that lie in its folder become
/// relative, also those whose folder was moved; such that lead to nothing are left out. Absolute paths that
/// are right stay. Without a checkpoint to name as the latest, the last of the list is it. Errors: not_found
/// (no state file, or no checkpoint left to name), damaged (it names none), and as of writing a file.
BALLAST_API StateFileRepair repair_state_file(const std::filesystem::path& folder, bool dry_run = false,
                                              const WriteOptions& options = {});

namespace detail {
/// In struct_walk.h, which weights.h includes.
template <class Net>
ProgramModel program_model(Net& net);
}  // namespace detail

/// What was measured at the end of an epoch or batch: "loss", "val_loss", ….
using Logs = std::map<std::string, double, std::less<>>;

/// Which values of the monitored quantity are better.
enum class MonitorMode : std::uint8_t {
    automatic,  ///< by the name: losses and errors min, accuracies and the like max, as Keras' metrics say
    min,        ///< less is better
    max,        ///< more is better
};

/// What a ModelCheckpoint with save_best_only does when the monitored quantity is not in the logs; without
/// save_best_only it saves whatever the logs hold.
enum class MissingMonitor : std::uint8_t {
    skip,   ///< no save, and a warning: a file that holds the best is not replaced by who knows what
    save,   ///< a save, and a warning, as Keras 3 does
    error,  ///< name_not_found
};

/// When a ModelCheckpoint saves, and which of its files stay.
struct CheckpointOptions {
    std::string monitor = "val_loss";  ///< the name in the logs of what tells the best
    /// What is better. A `monitor` that is no name of Keras needs min or max where the best counts.
    MonitorMode mode = MonitorMode::automatic;
    /// Save only what is better than all before. NaN never is.
    bool save_best_only = false;
    /// false: whole models, whose architecture is `save.config`, as save_model() writes them.
    bool save_weights_only = true;
    MissingMonitor when_missing = MissingMonitor::skip;  ///< with save_best_only
    /// Save after so many batches, counted across epochs; 0 = at the end of each epoch.
    std::uint64_t save_freq = 0;
    /// Only what is better than this is the best.
    std::optional<double> initial_value_threshold{};

    // Which of the saved files stay. A file stays for each rule that wants it; without the
    // first two all do.
    std::size_t max_to_keep = 0;  ///< the newest; 0 = no rule
    std::size_t keep_best = 0;    ///< the best by `monitor`; 0 = no rule
    /// Also one for each such span, for good. By itself it removes none: all files stay, and those it would
    /// have kept are marked (KeptCheckpoint::for_good), so that a later run with other rules leaves them.
    std::chrono::seconds keep_every{0};
    /// Take up best value and kept files where an earlier run in the same place left them.
    bool resume = true;

    /// Copy the weights and save them on another thread. An error is thrown by the next call.
    bool asynchronous = false;
    SaveWeightsOptions save{.overwrite = true};  ///< of every save; replaces files unless told otherwise
    std::function<void(const std::string&)> on_warning{};  ///< one sentence; on the calling thread
    /// The time, for tests.
    std::function<std::chrono::system_clock::time_point()> clock{};
};

/// One file that a ModelCheckpoint has saved and not removed.
struct KeptCheckpoint {
    std::filesystem::path path;   ///< as it was saved to; of TensorFlow checkpoints the prefix
    std::uint64_t epoch = 0;      ///< from 0
    std::optional<double> value;  ///< of the monitored quantity; nothing when it was missing or NaN
    bool for_good = false;        ///< by keep_every
};

/// Saves a model while it is trained, as Keras' callback of that name does.
///
/// `filepath` may hold fields with Python's formats: `{epoch:02d}` (from 1), `{batch}` (from 1, when saving
/// by batches), and any name of the logs; the suffix tells the format unless `save.format` does. A name with
/// no format's suffix is, as in Keras 2, that of a TensorFlow checkpoint, or without save_weights_only of a
/// SavedModel folder; both need `save.config`. Folders are made. Best value and kept files are stored in a
/// small hidden file beside the checkpoints. Unlike Keras: a NaN is never the best (Keras takes one that
/// comes first, and then nothing beats it), the monitored quantity may be missing without the best file being
/// replaced, and saving by batches works together with save_best_only.
class BALLAST_API ModelCheckpoint {
public:
    /// Errors: invalid_argument for a file name that is no template, for a quantity whose better direction is
    /// not known where one is needed, for a name without fields where several files are to be kept, and for
    /// whole models without `save.config`.
    explicit ModelCheckpoint(std::string filepath, CheckpointOptions options = {});
    /// Waits for an asynchronous save; its error is lost, so call wait() before.
    ~ModelCheckpoint();
    /// Moves may happen while an asynchronous save is under way. What was moved from can only be destroyed or
    /// assigned to.
    ///@{
    ModelCheckpoint(ModelCheckpoint&&) noexcept;
    ModelCheckpoint& operator=(ModelCheckpoint&&) noexcept;
    ///@}

    /// To be called after each epoch (counted from 0). The path saved to, or nothing when none was due.
    /// Errors: as of save_weights(), name_not_found for a field that the logs lack, and those of an earlier
    /// asynchronous save.
    template <class Net>
    std::optional<std::filesystem::path> on_epoch_end(const Net& net, std::uint64_t epoch, const Logs& logs) {
        return epoch_ended([&net] { return detail::program_model(net); }, epoch, logs);
    }
    /// To be called after each batch (counted from 0 in each epoch) when save_freq counts batches.
    template <class Net>
    std::optional<std::filesystem::path> on_batch_end(const Net& net, std::uint64_t epoch,
                                                      std::uint64_t batch, const Logs& logs) {
        return batch_ended([&net] { return detail::program_model(net); }, epoch, batch, logs);
    }
    /// The same for layers that are described by hand. `model` is called on the calling thread, and only when
    /// a save is due.
    ///@{
    std::optional<std::filesystem::path> epoch_ended(const std::function<ProgramModel()>& model,
                                                     std::uint64_t epoch, const Logs& logs);
    std::optional<std::filesystem::path> batch_ended(const std::function<ProgramModel()>& model,
                                                     std::uint64_t epoch, std::uint64_t batch,
                                                     const Logs& logs);
    ///@}

    /// Until the last asynchronous save is done; throws its error.
    void wait();
    /// The best value so far (of a save under way, too), or initial_value_threshold; nothing without either.
    std::optional<double> best() const;
    /// The files that are there, oldest first; without those of a save that is still under way.
    std::vector<KeptCheckpoint> kept() const;

private:
    class State;
    std::unique_ptr<State> state_;
};

/// Where a training stands.
struct TrainingState {
    std::uint64_t epoch = 0;  ///< finished epochs
    std::uint64_t batch = 0;  ///< finished batches of the next one
    Tree user{};              ///< whatever the program wants back: random seeds, learning rates, …
};

/// Backups to go on from after a crash: weights and TrainingState always fit together, whenever the program
/// ends. For optimizer state give it a struct of all that is trained: struct Run { Net net; Adam adam; }.
class BALLAST_API BackupAndRestore {
public:
    /// `folder` is for this backup alone; it is made with the first save. Backups are single
    /// safetensors files: format, overwrite and max_shard_size of `save` are not used.
    explicit BackupAndRestore(std::filesystem::path folder, SaveWeightsOptions save = {});

    /// Replaces the backup in one step: whenever the program ends, the old or the new one is there. Errors:
    /// as of save_weights().
    template <class Net>
    void save(const Net& net, const TrainingState& state) {
        save_model(detail::program_model(net), state);
    }
    /// Loads the backup into `net`, all or nothing; nullopt (and no change) when there is none. Errors: as of
    /// load_weights(), damaged for a backup without weights.
    template <class Net>
    std::optional<TrainingState> restore(Net& net) {
        return restore_model([&net] { return detail::program_model(net); });
    }
    /// save() for layers that are described by hand.
    void save_model(const ProgramModel& model, const TrainingState& state);
    /// restore() for layers that are described by hand; `model` is called only when there is a backup.
    std::optional<TrainingState> restore_model(const std::function<ProgramModel()>& model);
    /// Removes the backup: training is done.
    void remove();

private:
    std::filesystem::path folder_;
    SaveWeightsOptions save_;
};

}  // namespace ballast
