// SPDX-License-Identifier: Apache-2.0
// ModelCheckpoint: when to save, whether it is the best, where to.
#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>

#include "ballast/checkpoint.h"
#include "ballast/error.h"
#include "ballast/registry.h"
#include "checkpoint/background.h"
#include "checkpoint/direction.h"
#include "checkpoint/folders.h"
#include "checkpoint/kept_files.h"
#include "checkpoint/path_template.h"
#include "checkpoint/snapshot.h"

namespace ballast {
namespace {

namespace stdfs = std::filesystem;

bool ranks(const CheckpointOptions& options) {
    return options.save_best_only || options.keep_best > 0;
}

bool direction_of(const CheckpointOptions& options) {
    if (options.mode != MonitorMode::automatic) return options.mode == MonitorMode::max;
    const std::optional<bool> known = larger_is_better(options.monitor);
    if (!known && ranks(options))
        throw Error(ErrorCode::invalid_argument,
                    "it is not known whether more or less of '" + options.monitor + "' is better")
            .hint("set CheckpointOptions::mode to MonitorMode::max or MonitorMode::min");
    return known.value_or(false);
}

/// "run/{epoch:02d}.weights.h5" is remembered in "run/.{epoch}.weights.h5.kept.json".
stdfs::path state_path(const PathTemplate& name) {
    const stdfs::path plain(name.plain());
    stdfs::path folder = plain.parent_path(), leaf = plain.filename();
    while (folder.string().find('{') != std::string::npos && name.has_fields()) {
        leaf = folder.filename().string() + "-" + leaf.string();
        folder = folder.parent_path();
    }
    return folder / ("." + leaf.string() + ".kept.json");
}

bool tells_format(std::string_view name) {
    return std::ranges::any_of(Registry::current().infos(), [&](const FormatInfo* info) {
        return std::ranges::any_of(info->extensions,
                                   [&](std::string_view extension) { return name.ends_with(extension); });
    });
}

/// As Keras 2 decides, by the name without its numbers ("run-0.57" has no suffix): weights become files of
/// that prefix, a whole model a folder.
std::string format_for(const CheckpointOptions& options, std::string_view name) {
    if (!options.save.format.empty() || tells_format(name)) return options.save.format;
    const Location::Kind kind =
        options.save_weights_only ? Location::Kind::prefix : Location::Kind::directory;
    const auto formats = Registry::current().infos();
    const auto found = std::ranges::find(formats, kind, &FormatInfo::kind);
    return found == formats.end() ? std::string() : std::string((*found)->id);
}

}  // namespace

class ModelCheckpoint::State {
public:
    State(const std::string& filepath, CheckpointOptions options)
        : options_(std::move(options)),
          name_(filepath),
          larger_is_better_(direction_of(options_)),
          best_(options_.initial_value_threshold),
          kept_(state_path(name_), options_.monitor,
                {options_.max_to_keep, options_.keep_best, options_.keep_every, larger_is_better_}, now()) {
        if (!name_.has_fields() && (options_.max_to_keep > 1 || options_.keep_best > 1))
            throw Error(ErrorCode::invalid_argument,
                        "several files are to be kept, and '" + filepath + "' is one name for all")
                .hint("add {epoch} to the name");
        if (!options_.save_weights_only && options_.save.config.empty())
            throw Error(ErrorCode::invalid_argument, "a whole model is to be saved, without its architecture")
                .hint(
                    "set CheckpointOptions::save.config to the text of model.to_json(), or "
                    "save_weights_only");
        options_.save.format = format_for(options_, filepath);
        if (!options_.resume) return;
        const std::optional<double> earlier = kept_.resume();
        if (earlier && (!best_ || is_better(*earlier, *best_))) best_ = earlier;
    }

    std::optional<stdfs::path> epoch_ended(const std::function<ProgramModel()>& model, std::uint64_t epoch,
                                           const Logs& logs) {
        wait();
        if (options_.save_freq != 0) return std::nullopt;
        return save(model, epoch, std::nullopt, logs);
    }

    std::optional<stdfs::path> batch_ended(const std::function<ProgramModel()>& model, std::uint64_t epoch,
                                           std::uint64_t batch, const Logs& logs) {
        if (options_.save_freq == 0) return std::nullopt;
        const bool new_epoch = !last_batch_ || batch <= *last_batch_;
        batches_ += new_epoch ? batch + 1 : batch - *last_batch_;
        last_batch_ = batch;
        if (batches_ < options_.save_freq) return std::nullopt;
        wait();
        batches_ = 0;
        return save(model, epoch, batch, logs);
    }

    void wait() {
        try {
            background_.wait();
        } catch (...) {
            best_ = best_before_;
            throw;
        }
    }

    std::optional<double> best() const { return best_; }

    std::vector<KeptCheckpoint> kept() const {
        const std::lock_guard lock(kept_mutex_);
        std::vector<KeptCheckpoint> result;
        for (const KeptFiles::Entry& entry : kept_.entries())
            result.push_back({entry.path, entry.epoch, entry.value, entry.for_good});
        return result;
    }

private:
    KeptFiles::Time now() const {
        return options_.clock ? options_.clock() : std::chrono::system_clock::now();
    }

    bool is_better(double value, double than) const {
        return larger_is_better_ ? value > than : value < than;
    }

    stdfs::path path_for(std::uint64_t epoch, std::optional<std::uint64_t> batch, const Logs& logs) const {
        PathTemplate::Values values;
        values.emplace("epoch", static_cast<std::int64_t>(epoch + 1));
        for (const auto& [name, value] : logs)
            values.emplace(name, value);
        if (batch) values.emplace("batch", static_cast<std::int64_t>(*batch + 1));
        return name_.fill(values);
    }

    void warn(const std::string& text) const {
        if (options_.on_warning) options_.on_warning(text);
    }

    /// Of save_best_only; takes a better value as the best.
    bool should_save(std::optional<double> value) {
        if (!value) {
            const std::string text = "'" + options_.monitor + "' is not in the logs";
            if (options_.when_missing == MissingMonitor::error)
                throw Error(ErrorCode::name_not_found, text).hint("measure it, or monitor another quantity");
            const bool saves = options_.when_missing == MissingMonitor::save;
            warn(text + (saves ? ": saved without knowing whether it is the best" : ": not saved"));
            return saves;
        }
        if (std::isnan(*value) || (best_ && !is_better(*value, *best_))) return false;
        best_ = value;
        return true;
    }

    std::optional<stdfs::path> save(const std::function<ProgramModel()>& model, std::uint64_t epoch,
                                    std::optional<std::uint64_t> batch, const Logs& logs) {
        const stdfs::path path = path_for(epoch, batch, logs);
        const auto found = logs.find(options_.monitor);
        const std::optional<double> value = found == logs.end() ? std::nullopt : std::optional(found->second);
        best_before_ = best_;
        if (options_.save_best_only && !should_save(value)) return std::nullopt;
        if (!options_.save_best_only && value && !std::isnan(*value) && (!best_ || is_better(*value, *best_)))
            best_ = value;
        const KeptFiles::Entry entry{path, epoch, value, now(), false};
        if (options_.asynchronous) {
            background_.start([this, entry, before = best_before_, best = best_,
                               copy = snapshot_.take(model())] { store(copy, entry, before, best); });
        } else {
            try {
                store(model(), entry, best_before_, best_);
            } catch (...) {
                best_ = best_before_;
                throw;
            }
        }
        return path;
    }

    void store(const ProgramModel& model, const KeptFiles::Entry& entry, std::optional<double> before,
               std::optional<double> best) {
        make_folders(entry.path.parent_path());
        {
            const std::lock_guard lock(kept_mutex_);
            kept_.announce(entry, before);
        }
        const Location target = Location::for_writing(entry.path);
        if (options_.save_weights_only) {
            save_weights(model, target, options_.save);
        } else {
            save_model(model, options_.save.config, target, options_.save);
        }
        const std::lock_guard lock(kept_mutex_);
        kept_.add(entry, best);
    }

    CheckpointOptions options_;
    PathTemplate name_;
    bool larger_is_better_;
    std::optional<double> best_, best_before_;
    std::uint64_t batches_ = 0;
    std::optional<std::uint64_t> last_batch_;
    mutable std::mutex kept_mutex_;
    KeptFiles kept_;
    ProgramSnapshot snapshot_;
    Background background_;  ///< last: its thread uses all the others
};

ModelCheckpoint::ModelCheckpoint(std::string filepath, CheckpointOptions options)
    : state_(std::make_unique<State>(filepath, std::move(options))) {}
ModelCheckpoint::~ModelCheckpoint() = default;
ModelCheckpoint::ModelCheckpoint(ModelCheckpoint&&) noexcept = default;
ModelCheckpoint& ModelCheckpoint::operator=(ModelCheckpoint&&) noexcept = default;

std::optional<stdfs::path> ModelCheckpoint::epoch_ended(const std::function<ProgramModel()>& model,
                                                        std::uint64_t epoch, const Logs& logs) {
    return state_->epoch_ended(model, epoch, logs);
}

std::optional<stdfs::path> ModelCheckpoint::batch_ended(const std::function<ProgramModel()>& model,
                                                        std::uint64_t epoch, std::uint64_t batch,
                                                        const Logs& logs) {
    return state_->batch_ended(model, epoch, batch, logs);
}

void ModelCheckpoint::wait() {
    state_->wait();
}
std::optional<double> ModelCheckpoint::best() const {
    return state_->best();
}
std::vector<KeptCheckpoint> ModelCheckpoint::kept() const {
    return state_->kept();
}

}  // namespace ballast
