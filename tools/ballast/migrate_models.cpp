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
#include "core/option_names.h"

namespace ballast::tool {
namespace {

namespace fs = std::filesystem;
using Status = Migrated::Status;

constexpr std::string_view whole = "keras", weights = "weights_h5";

fs::path target_of(const FoundSource& source, const MigrateOptions& options, std::string_view format) {
    const FormatInfo& info = Registry::current().find(format).info();
    return options.folder / source.relative.parent_path() /
           name_with_suffix(source.relative.filename(), info);
}

/// As a shell takes it for one word.
std::string shell_word(const std::string& text) {
    constexpr std::string_view plain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./-+:,@%=";
    if (!text.empty() && text.find_first_not_of(plain) == text.npos) return text;
    std::string word = "'";
    for (const char c : text)
        word += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return word + "'";
}

class Migration {
public:
    Migration(std::span<const FoundSource> sources, const MigrateOptions& options) : options_(options) {
        for (const FoundSource& source : sources)
            add(source);
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
    /// Two sources must not become one file, whichever comes first; the same one twice is one.
    void add(const FoundSource& source) {
        const fs::path target = target_of(source, options_, options_.to.empty() ? whole : options_.to);
        const auto [at, fresh] = taken_.try_emplace(target, results_.size());
        if (!fresh) {
            const fs::path& other = results_[at->second].source.path;
            if (fs::weakly_canonical(other) == fs::weakly_canonical(source.path)) return;
            if (!is_written(other)) {
                at->second = results_.size();
            } else if (is_written(source.path)) {
                results_.push_back({source, {}, Status::refused, {}, collision(other, source.path, target)});
                return;
            }
        }
        results_.push_back({source, {}, Status::not_tried, {}, {}});
    }

    static Error collision(const fs::path& other, const fs::path& path, const fs::path& target) {
        return Error(ErrorCode::exists,
                     "this and " + other.string() + " would both become " + target.string())
            .in(path.string())
            .hint("migrate one of them into another folder, or name its file: " +
                  command(path, "NAME.keras"));
    }

    /// False for what is today's format and stays where it is.
    bool is_written(const fs::path& path) const {
        try {
            return !options_.to.empty() || !is_current(path);
        } catch (const Error&) {
            return true;
        }
    }

    static std::string command(const fs::path& source, const std::string& target) {
        return "ballast convert " + shell_word(source.string()) + " " + shell_word(target);
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
            if (options_.to.empty() && is_current(result.source.path)) {
                result.status = Status::current;
                return;
            }
            write(result, options_.to.empty() ? whole : options_.to, Status::migrated);
        } catch (const Error& error) {
            result.error = error;
            result.status = Status::refused;
            if (options_.to.empty() && kind_of(error.code()) == ErrorKind::refused) weights_alone(result);
            if (result.status == Status::refused || result.status == Status::weights_only)
                name_command(result);
        } catch (const std::exception& error) {
            result.error = Error(ErrorCode::internal, error.what()).in(result.source.path.string());
            result.status = Status::refused;
        }
    }

    static bool is_current(const fs::path& path) {
        const auto archive = open(path);
        return archive->format().id == whole && archive->model().producer.keras_version.starts_with("3.");
    }

    /// What Keras 3 has no architecture for may still have weights it can load.
    void weights_alone(Migrated& result) {
        if (result.error->code() == ErrorCode::exists) return;
        try {
            write(result, weights, Status::weights_only);
        } catch (const Error& error) {
            result.target.clear();
            // Without layers there is no model to speak of: that is what is to be said, not how it failed
            // first.
            if (error.code() == ErrorCode::exists) result.error = error;
        }
    }

    /// What hints say of options is said of `convert`: of one file, not of many.
    void name_command(Migrated& result) const {
        const Error& error = *result.error;
        std::string hint(for_tool(error.hint()));
        if (hint.find("--") != std::string::npos && error.code() != ErrorCode::exists) {
            const fs::path target =
                target_of(result.source, options_, options_.to.empty() ? whole : options_.to);
            hint += "; in: " + command(result.source.path, target.string());
        }
        const auto of_a_custom_class = [](const ReportEntry& entry) {
            return entry.text.find("its weights are known by position only") != std::string::npos;
        };
        if (result.status == Status::weights_only && result.report.source_format == "legacy_h5" &&
            std::ranges::any_of(result.report.entries(), of_a_custom_class))
            hint +=
                "; a class of your own that holds layers will not find its weights in the new file: there "
                "Keras 3's load_weights takes the old .h5 as it is, by position";
        Error named(error.code(), error.message());
        if (!error.path().empty()) named.in(error.path());
        if (!error.tensor().empty()) named.tensor(error.tensor());
        if (error.offset()) named.at(*error.offset());
        result.error = std::move(named).hint(hint);
    }

    /// An earlier run's work: files appear whole, and one older than its source is of another.
    bool was_written(const fs::path& source, const fs::path& target) const {
        std::error_code unknown;
        if (!fs::exists(target, unknown)) return false;
        if (!options_.skip_existing)
            throw Error(ErrorCode::exists, "the destination exists")
                .in(target.string())
                .hint("--skip-existing leaves what an earlier run has written");
        const auto written = fs::last_write_time(target, unknown),
                   read = fs::last_write_time(source, unknown);
        if (!unknown && written < read)
            throw Error(ErrorCode::exists, "the destination exists and is older than its source")
                .in(target.string())
                .hint("remove it to migrate the source again");
        return true;
    }

    void write(Migrated& result, std::string_view format, Status status) {
        const fs::path target = target_of(result.source, options_, format);
        if (was_written(result.source.path, target)) {
            result.status = Status::there;
            result.error.reset();
            return;
        }
        convert_to(result, target, format);
        result.status = status;
    }

    void convert_to(Migrated& result, const fs::path& target, std::string_view format) {
        ConvertOptions convert_options;
        convert_options.to = format;
        convert_options.save = options_.save;
        convert_options.write = options_.write;
        convert_options.write.threads = threads_each_;
        convert_options.write.overwrite = Overwrite::refuse;
        convert_options.dry_run = options_.dry_run;
        convert_options.allow_loss = options_.allow_loss;
        Report report;
        if (options_.dry_run) {
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
    std::map<fs::path, std::size_t> taken_;  ///< targets, and which result becomes them
    std::atomic<std::size_t> next_ = 0;
    std::atomic<bool> stop_ = false;
    unsigned threads_each_ = 1;
};

}  // namespace

std::string_view to_string(Migrated::Status status) noexcept {
    constexpr std::string_view words[] = {"migrated", "weights only",  "current",
                                          "refused",  "already there", "not tried"};
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
