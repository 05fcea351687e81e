// SPDX-License-Identifier: Apache-2.0
// Migrating models side by side, see migrate_models.h.
#include "migrate_models.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <system_error>
#include <thread>
#include <utility>

#include "cli.h"

namespace ballast::tool {
namespace {

namespace fs = std::filesystem;
using Status = Migrated::Status;

constexpr std::string_view whole = "keras", weights = "weights_h5";

fs::path target_of(const FoundSource& source, const MigrateOptions& options, std::string_view format) {
    const FormatInfo& info = Registry::builtin().find(format).info();
    return options.folder / source.relative.parent_path() /
           name_with_suffix(source.relative.filename(), info);
}

class Migration {
public:
    Migration(std::span<const FoundSource> sources, const MigrateOptions& options) : options_(options) {
        results_.resize(sources.size());
        for (std::size_t i = 0; i < sources.size(); ++i)
            results_[i].source = sources[i];
        find_collisions();
    }

    std::vector<Migrated> run() {
        unsigned threads =
            options_.write.threads != 0 ? options_.write.threads : std::thread::hardware_concurrency();
        threads = std::clamp(threads, 1u, 8u);
        const auto side_by_side = static_cast<unsigned>(std::min<std::size_t>(threads, results_.size()));
        threads_each_ = std::max(1u, threads / std::max(1u, side_by_side));
        {
            std::vector<std::jthread> workers;
            for (unsigned i = 1; i < side_by_side; ++i)
                workers.emplace_back([this] { work(); });
            work();
        }
        return std::move(results_);
    }

private:
    /// Two sources must not become one file, whichever comes first.
    void find_collisions() {
        std::map<fs::path, std::string> taken;
        for (Migrated& result : results_) {
            const fs::path target =
                target_of(result.source, options_, options_.to.empty() ? whole : options_.to);
            const auto [other, fresh] = taken.emplace(target, result.source.path.string());
            if (fresh) continue;
            result.status = Status::refused;
            result.error = Error(ErrorCode::exists, other->second + " becomes a file of the same name")
                               .in(result.source.path.string())
                               .hint("migrate it into another folder");
        }
    }

    void work() {
        for (std::size_t i = next_++; i < results_.size(); i = next_++) {
            Migrated& result = results_[i];
            if (result.status == Status::refused) continue;
            if (stop_ || (options_.write.cancel && options_.write.cancel())) return;
            one(result);
            if (result.status == Status::refused && !options_.keep_going) stop_ = true;
        }
    }

    void one(Migrated& result) {
        try {
            if (options_.to.empty() && is_current(result)) {
                result.status = Status::current;
                return;
            }
            write(result, options_.to.empty() ? whole : options_.to);
            result.status = Status::migrated;
        } catch (const Error& error) {
            result.error = error;
            result.status = Status::refused;
            if (options_.to.empty() && kind_of(error.code()) == ErrorKind::refused) weights_alone(result);
        } catch (const std::exception& error) {
            result.error = Error(ErrorCode::internal, error.what()).in(result.source.path.string());
            result.status = Status::refused;
        }
    }

    static bool is_current(const Migrated& result) {
        const auto archive = open(result.source.path);
        return archive->format().id == whole && archive->model().producer.keras_version.starts_with("3.");
    }

    /// What Keras 3 has no architecture for may still have weights it can load.
    void weights_alone(Migrated& result) {
        if (result.error->code() == ErrorCode::exists) return;
        try {
            write(result, weights);
            result.status = Status::weights_only;
        } catch (const Error& error) {
            result.target.clear();
            // Without layers there is no model to speak of: that is what is to be said, not how it failed
            // first.
            if (error.code() == ErrorCode::exists) result.error = error;
        }
    }

    void write(Migrated& result, std::string_view format) {
        ConvertOptions convert_options;
        convert_options.to = format;
        convert_options.save = options_.save;
        convert_options.write = options_.write;
        convert_options.write.threads = threads_each_;
        convert_options.write.overwrite = Overwrite::refuse;
        convert_options.dry_run = options_.dry_run;
        const fs::path target = target_of(result.source, options_, format);
        Report report;
        if (options_.dry_run) {
            std::error_code unknown;
            if (fs::exists(target, unknown))
                throw Error(ErrorCode::exists, "the destination exists").in(target.string());
            // Its folder may not be there yet.
            report = convert(Location::for_reading(result.source.path),
                             Location{io::memory(), target.filename().string(), Location::Kind::file},
                             convert_options);
        } else {
            make_folder(target.parent_path());
            report =
                convert(Location::for_reading(result.source.path), destination_of(target), convert_options);
        }
        result.target = target;
        result.report = std::move(report);
        result.report.target = target.string();
    }

    const MigrateOptions& options_;
    std::vector<Migrated> results_;
    std::atomic<std::size_t> next_ = 0;
    std::atomic<bool> stop_ = false;
    unsigned threads_each_ = 1;
};

}  // namespace

std::string_view to_string(Migrated::Status status) noexcept {
    constexpr std::string_view words[] = {"migrated", "weights only", "current", "refused", "not tried"};
    return words[static_cast<std::size_t>(status)];
}

std::vector<fs::path> targets_of(const FoundSource& source, const MigrateOptions& options) {
    if (!options.to.empty()) return {target_of(source, options, options.to)};
    return {target_of(source, options, whole), target_of(source, options, weights)};
}

void make_folder(const fs::path& folder) {
    std::error_code failure;
    fs::create_directories(folder, failure);
    if (failure)
        throw Error(ErrorCode::write_failed, "the folder cannot be made: " + failure.message())
            .in(folder.string());
}

std::vector<Migrated> migrate_models(std::span<const FoundSource> sources, const MigrateOptions& options) {
    if (!options.dry_run) make_folder(options.folder);
    return Migration(sources, options).run();
}

}  // namespace ballast::tool
