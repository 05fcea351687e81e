// SPDX-License-Identifier: Apache-2.0
// ballast convert: one file (or several, into a folder) into another format.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>

#include "cli.h"
#include "convert/pipeline.h"
#include "core/option_names.h"
#include "core/text.h"
#include "libhdf5.h"
#include "report_file.h"
#include "sources.h"

namespace ballast::tool {
namespace {

namespace fs = std::filesystem;

struct Options {
    std::vector<std::string> paths;  ///< sources, then the destination
    std::string from, config, like, map, match, report, dtype, shard_size, compression, names = "canonical";
    std::vector<std::string> flatten_orders;
    ConvertOptions convert;
    bool force = false, no_fsync = false, quiet = false, without_optimizer = false, follow = false,
         trusted = false, unzipped = false;
};

/// The one pair of a model that becomes a folder, whose name is the destination.
std::vector<std::pair<std::string, fs::path>> unzipped_job(Options& options) {
    if (options.paths.size() != 2)
        throw Error(ErrorCode::invalid_argument, "several sources cannot become one folder")
            .in(options.paths.back())
            .hint("convert them one by one with --unzipped");
    std::string& to = options.convert.to;
    if (to.empty()) to = "keras";
    if (Registry::current().find(to).info().id != "keras")
        throw Error(ErrorCode::invalid_argument, "a model of the format " + to + " has one form only")
            .hint("--unzipped is for --to keras: its parts as files of a folder");
    return {{options.paths.front(), fs::path(options.paths.back())}};
}

bool is_folder(const std::string& path) {
    std::error_code unknown;  // a folder we may not look into is no folder to write to: writing says why
    return path.ends_with('/') || fs::is_directory(fs::path(path), unknown);
}

/// Pairs of source and destination. Errors are usage errors.
std::vector<std::pair<std::string, fs::path>> jobs_of(Options& options) {
    if (options.paths.size() < 2) {
        throw Error(ErrorCode::invalid_argument, "convert needs a source and a destination")
            .hint("ballast convert SRC DST");
    }
    for (const std::string& path : options.paths) {
        if (path == "-")
            throw Error(ErrorCode::invalid_argument,
                        "no format of this build is read from or written to a pipe")
                .hint("give a file's name; ./- for a file of that name");
    }
    if (options.unzipped) return unzipped_job(options);
    const std::string& destination = options.paths.back();
    const std::vector<std::string> sources(options.paths.begin(), options.paths.end() - 1);
    if (!is_folder(destination)) {
        if (sources.size() == 1) return {{sources.front(), fs::path(destination)}};
        throw Error(ErrorCode::invalid_argument, "several sources need a folder as destination")
            .in(destination);
    }
    if (options.convert.to.empty()) {
        throw Error(ErrorCode::invalid_argument, "the destination is a folder, which does not tell a format")
            .in(destination)
            .hint("add --to with one of the ids `ballast formats` lists");
    }
    if (options.convert.to == "tf") options.convert.to = "saved_model";  // in a folder, a model
    const FormatInfo& format = Registry::current().find(options.convert.to).info();
    if (format.kind == Location::Kind::directory) {
        if (sources.size() == 1) return {{sources.front(), fs::path(destination)}};
        throw Error(ErrorCode::invalid_argument,
                    "several sources cannot become one " + std::string(format.id))
            .in(destination);
    }
    std::vector<std::pair<std::string, fs::path>> jobs;
    std::map<fs::path, std::string> taken;
    for (const std::string& source : sources) {
        const fs::path target = fs::path(destination) / name_with_suffix(fs::path(source).filename(), format);
        const auto [other, fresh] = taken.emplace(target, source);
        if (!fresh) {
            throw Error(ErrorCode::invalid_argument,
                        "'" + other->second + "' and '" + source + "' would both become " + target.string())
                .hint("convert them one by one, under different names");
        }
        jobs.emplace_back(source, target);
    }
    return jobs;
}

/// The command that would settle a refusal, with this call's own words.
std::string retry_with(const std::string& source, const fs::path& destination, std::string_view extra) {
    return "ballast convert " + source + " " + destination.string() + " " + std::string(extra);
}

/// The kind of loss that the refusal's own hint names.
std::string_view loss_named(std::string_view hint) {
    for (const std::string_view words : {"--allow-loss assets", "--allow-loss precision"})
        if (hint.find(words) != std::string_view::npos) return words;
    return "--allow-loss weights";
}

void add_retry(Error& error, const Options& options, const std::string& source, const fs::path& destination) {
    std::string_view extra;
    switch (error.code()) {
        case ErrorCode::needs_config:
            extra =
                error.hint().find("--config") == std::string::npos ? "--like FILE" : "--config MODEL.json";
            break;
        case ErrorCode::ambiguous_mapping:
            if (options.like.empty()) return;
            extra = options.map.empty() ? "--map NAMES.txt" : "--match order";
            break;
        case ErrorCode::lossy:
            extra = loss_named(error.hint());
            break;
        case ErrorCode::limit_exceeded:
            if (options.trusted) return;
            extra = "--trusted";
            break;
        case ErrorCode::symlink_refused:
            extra = "--follow";
            break;
        case ErrorCode::exists:
            extra = "--overwrite";
            break;
        default:
            return;
    }
    const std::string hint(for_tool(error.hint()));
    Error retried(error.code(), error.message());
    if (!error.path().empty()) retried.in(error.path());
    if (!error.tensor().empty()) retried.tensor(error.tensor());
    if (error.offset()) retried.at(*error.offset());
    retried.hint((hint.empty() ? "" : hint + "; ") + "try: " + retry_with(source, destination, extra));
    error = retried;
}

/// Limits for a file whose sizes the user vouches for: memory is still taken only for what is read.
Limits limits_of_trusted() {
    Limits limits;
    limits.objects = limits.links = 100'000'000;
    limits.json_bytes = limits.metadata_bytes = limits.attribute_bytes = 16ull << 30;
    limits.json_nodes = 1'000'000'000;
    limits.expansion_floor = limits.tensor_bytes = UINT64_MAX;
    limits.chunk_bytes = 4ull << 30;
    return limits;
}

/// What a symbolic link leads to, so that the link stays and its target is written.
fs::path followed(const fs::path& path) {
    std::error_code unknown;
    return fs::is_symlink(path, unknown) ? fs::weakly_canonical(path) : path;
}

void print_reasons(const Report& report) {
    // One line a reason: two hundred dropped optimizer variables share theirs.
    std::map<std::string, std::size_t> reasons;
    for (const ReportEntry& entry : report.entries()) {
        using Kind = ReportEntry::Kind;
        if (entry.kind == Kind::warning) print_warning(entry.text);
        if (entry.kind == Kind::note) std::fprintf(stderr, "note: %s\n", escape(entry.text).c_str());
        if (entry.kind == Kind::dropped || entry.kind == Kind::skipped)
            ++reasons[std::string(to_string(entry.kind)) + ": " + entry.text];
    }
    for (const auto& [reason, count] : reasons) {
        std::fprintf(stderr, "%zu %s\n", count, escape(reason).c_str());
    }
}

void print_closing(const Report& report, const Options& options) {
    if (options.quiet) return;
    print_reasons(report);
    if (report.target.empty()) {
        std::fprintf(stderr, "nothing written\n");
        return;
    }
    std::fprintf(stderr, "%s %s (%s) -> %s (%s): %s, %s\n",
                 options.convert.dry_run ? "would convert" : "converted", escape(report.source).c_str(),
                 report.source_format.c_str(), escape(report.target).c_str(), report.target_format.c_str(),
                 report.summary().c_str(), human_size(report.bytes).c_str());
}

MatchBy match_of(std::string_view word) {
    if (word == "path") return MatchBy::path;
    if (word == "name") return MatchBy::name;
    if (word == "order") return MatchBy::order;
    return MatchBy::automatic;
}

/// A report must not take the place of what is converted, and its folder is looked for before the work.
void check_report(const std::string& report, const std::vector<std::pair<std::string, fs::path>>& jobs) {
    if (report.empty()) return;
    std::error_code unknown;
    for (const auto& [source, destination] : jobs) {
        const bool same = fs::path(report).lexically_normal() == destination.lexically_normal() ||
                          fs::equivalent(report, source, unknown) ||
                          fs::equivalent(report, destination, unknown);
        if (same)
            throw Error(ErrorCode::invalid_argument,
                        "the report would replace '" + report + "', which is converted")
                .hint("give --report a name of its own");
    }
    destination_of(report);
}

int run(Options& options) {
    ConvertOptions& convert_options = options.convert;
    ProgressBar bar(!options.quiet);
    convert_options.open.format = options.from;
    if (options.trusted) convert_options.open.limits = limits_of_trusted();
    if (!options.config.empty()) convert_options.config = options.config;
    if (!options.like.empty()) convert_options.like = options.like;
    if (!options.map.empty())
        convert_options.align.map = parse_map(read_text(Location::for_reading(options.map), {}), options.map);
    if (!options.compression.empty())
        convert_options.save.compression = parse_compression(options.compression);
    if (!options.shard_size.empty())
        convert_options.save.max_shard_size = parse_shard_size(options.shard_size);
    for (const std::string& order : options.flatten_orders)
        convert_options.flatten_orders.push_back(parse_flatten_order(order));
    convert_options.align.match = match_of(options.match);
    if (!options.dtype.empty()) convert_options.dtype = dtype_from_name(options.dtype);
    convert_options.save.names = options.names == "stored" ? Names::stored : Names::canonical;
    convert_options.save.include_optimizer = !options.without_optimizer;
    convert_options.write.durable = !options.no_fsync;
    convert_options.write.overwrite = overwrite_of(options.force);
    convert_options.write.ask = ask_overwrite;
    convert_options.write.progress = [&bar](const Progress& progress) { bar.update(progress); };
    convert_options.write.cancel = interrupted;
    std::vector<Report> reports;
    const bool fills = !options.like.empty() || !options.config.empty();
    if (!fills && (!options.match.empty() || convert_options.align.skip_mismatch))
        throw Error(ErrorCode::invalid_argument, "--match and --skip-mismatch say how a template is filled")
            .hint("add --like FILE, or --config for a source without layers");
    const auto jobs = jobs_of(options);
    check_report(options.report, jobs);
    for (const auto& [source, destination] : jobs) {
        try {
            const fs::path target = options.follow ? followed(destination) : destination;
            Location place = destination_of(target);
            if (options.unzipped) place.kind = Location::Kind::directory;
            reports.push_back(convert(source_of(source), place, convert_options));
        } catch (Error& error) {
            bar.clear();
            add_retry(error, options, source, destination);
            if (!options.report.empty() && !reports.empty()) write_report(options.report, reports);
            throw;
        }
        bar.clear();
        print_closing(reports.back(), options);
    }
    if (!options.report.empty()) write_report(options.report, reports);
    return exit_ok;
}

void add_what(Arguments command, Options& options) {
    command.option("PATH", options.paths, "SRC… DST: the sources, then the destination")
        .required()
        .at_least(2)
        .value("FILE");
    command
        .option("--to,--save-format", options.convert.to,
                "Target format (see `ballast formats`); else DST's suffix tells")
        .value("ID");
    command.flag("--unzipped", options.unzipped,
                 "DST is a folder with the parts of a .keras, as Keras saves with zipped=False");
    command.option("--from", options.from, "Source format, when its content does not tell").value("ID");
    add_libhdf5_option(command);
    command.option("--from-backend", options.convert.from_backend,
                   "theano: the kernels of convolutions are mirrored, and the file does not say so");
    command
        .option("--flatten-order", options.flatten_orders,
                "LAYER=FORMAT:SHAPE: the source flattened feature maps of this shape before that Dense "
                "(dense_1=channels_first:512,7,7); its rows are put in the other format's order (repeatable)")
        .one_word_each()
        .value("ORDER");
    command.flag("--weights-only", options.convert.save.weights_only, "Leave the model's configs behind");
    command
        .option("--config", options.config,
                "The architecture: a model.to_json() file, or any file that holds one")
        .value("FILE");
    command
        .option("--include", options.convert.include, "Only tensors whose name matches the glob (repeatable)")
        .one_word_each()
        .value("GLOB");
    command
        .option("--exclude", options.convert.exclude, "No tensors whose name matches the glob (repeatable)")
        .one_word_each()
        .value("GLOB");
    command
        .option("--dtype", options.dtype,
                "Cast floating-point weights, rounding to nearest (not the optimizer's state)")
        .one_of({"float16", "bfloat16", "float32", "float64"});
    command.flag("--without-optimizer", options.without_optimizer, "Leave the optimizer's state behind");
    command.flag("--skip-slot-variables", options.convert.skip_slot_variables,
                 "Leave the optimizer's slots behind, and keep its steps and learning rate");
    command
        .option("--max-shard-size", options.shard_size,
                "Write a set of files of at most this size: 2GB, 500MiB; a bare number is Keras' unit, GiB")
        .value("SIZE");
    command
        .option("--compress", options.compression,
                "Compress HDF5 tensors in chunks: gzip[:1-9] or zstd[:1-19] (zstd: not for plain Keras)")
        .value("METHOD");
    command.option("--flavor,--as", options.convert.save.flavor, "Flavour of the target format")
        .value("NAME");
    command.option("--names", options.names, "Names in formats without layers")
        .one_of({"canonical", "stored"});
}

void add_template(Arguments command, Options& options) {
    command
        .option("--like", options.like,
                "A file of the target model: its layout is filled with the source's weights")
        .value("FILE");
    command
        .option("--map", options.map,
                "A file of lines `old -> new`: names in the target; * matches, $1 is what it matched")
        .value("FILE");
    command.option("--match", options.match, "How tensors find their place in --like: path, name or order")
        .one_of({"path", "name", "order"});
    command.flag("--skip-mismatch", options.convert.align.skip_mismatch,
                 "Layers that do not fit keep what the template has");
}

void add_how(Arguments command, Options& options) {
    const auto force = command.flag("-f,--overwrite", options.force, "Replace an existing destination");
    command
        .flag("--no-clobber", options.convert.no_clobber, "Leave an existing destination alone, with success")
        .excludes(force);
    command.flag("--no-fsync", options.no_fsync,
                 "Do not wait for the disk: faster, still atomic, not safe from power loss");
    command.flag("--follow", options.follow,
                 "Write to what a symbolic link leads to, instead of refusing it");
    command.flag("--trusted", options.trusted,
                 "Lift the limits on sizes and counts, for a source whose origin you know");
    command.flag("--dry-run", options.convert.dry_run, "Do everything but write");
    command
        .option("--report", options.report,
                "Write what happened to each tensor, as JSON or (NAME.html) as a page")
        .value("FILE");
    command
        .option("--allow-loss", options.convert.allow_loss, "Accept a loss: weights, assets, precision, all")
        .one_of({"weights", "assets", "precision", "all"})
        .one_word_each();
    add_jobs_option(command, options.convert.write.threads);
    command.flag("-q,--quiet", options.quiet, "No progress, no closing line; errors and warnings stay");
}

}  // namespace

Command add_convert(Arguments program) {
    auto options = std::make_shared<Options>();
    Arguments command =
        program.command("convert", "Converts a file into another format, or several into a folder");
    add_what(command, *options);
    add_template(command, *options);
    add_how(command, *options);
    command.notes(R"(Source and destination may be the same file. What the target format by its
nature does not hold (a weights file holds no config) is reported and no loss;
where weights, assets or precision would be lost the conversion is refused
unless --allow-loss names it. A cast asked for with --dtype is no loss: elements
that become infinite are reported with the names of their tensors.

Examples:
  ballast convert old_model.h5 new.weights.h5
  ballast convert model.weights.h5 model.safetensors --dtype bfloat16
  ballast convert weights.h5 new.weights.h5 --config model.json
  ballast convert old/*.h5 new/ --to weights_h5)");
    return {command, [options] { return run(*options); }};
}

}  // namespace ballast::tool
