// SPDX-License-Identifier: Apache-2.0
// convert() and save(): the one path from a file to another.
#include "ballast/convert.h"

#include <algorithm>

#include "ballast/registry.h"
#include "convert/fitted_bins.h"
#include "convert/flatten.h"
#include "convert/generation.h"
#include "convert/leave_slots.h"
#include "convert/modernise.h"
#include "convert/named_vocabulary.h"
#include "convert/padded_idf.h"
#include "convert/pipeline.h"
#include "convert/recast.h"
#include "convert/refusal.h"
#include "convert/scan.h"
#include "convert/target.h"
#include "convert/transfer.h"
#include "core/result.h"
#include "dialect/guess.h"
#include "model/foreign_weights.h"
#include "model/model_tensors.h"

namespace ballast {
namespace {

/// What the save finds at its target. The old archive is opened only for what a format asks of it: an
/// unreadable one is no obstacle to being replaced.
Target target_at(const Location& destination, const FormatInfo& format) {
    Target target{destination, {}, nullptr};
    if (format.companions.empty()) return target;
    for (io::DirEntry& entry : destination.fs->list("")) {
        if (entry.kind == io::FileKind::regular) target.existing.push_back(std::move(entry.name));
    }
    return target;
}

/// Decides about an existing destination before any work is done. False = leave it alone.
bool may_write(const Location& destination, const ConvertOptions& options, Report& report) {
    // A prefix exists when its index does.
    const bool prefix = destination.kind == Location::Kind::prefix;
    if (options.dry_run || !destination.fs->stat(destination.name + (prefix ? ".index" : ""))) return true;
    if (options.no_clobber) {
        report.note("the destination exists and was left as it is");
        return false;
    }
    return true;
}

/// Mirrors the kernels of a file of Theano that does not say so, or whose layers have no classes.
void take_from_backend(Model& model, const std::string& backend, Report& report) {
    if (backend.empty() || backend == "tensorflow") return;
    if (backend != "theano")
        throw Error(ErrorCode::invalid_argument,
                    "no rule for weights of the backend '" + backend + "' is known")
            .hint("--from-backend takes theano or tensorflow");
    if (model.producer.backend == "theano" && has_classes(model)) return;  // seen to when it was opened
    const std::size_t count = mirror_kernels(model);
    if (count == 0)
        throw Error(ErrorCode::needs_config, "the file does not tell which tensors are convolution kernels")
            .hint("give the architecture: --config MODEL.json (written by model.to_json())");
    report.note(std::to_string(count) + " convolution kernels were mirrored");
    leave_optimizer(model, old_arrangement, report);
    model.producer.backend = "tensorflow";
}

/// Where the target is a folder: the archive of the same format whose other files go along, that of the
/// layout.
std::shared_ptr<const Archive> kept_around(const Format& format, const std::shared_ptr<const Archive>& source,
                                           const ConvertOptions& options) {
    if (format.info().kind != Location::Kind::directory) return nullptr;
    OpenOptions plain;
    plain.limits = options.open.limits;
    const std::shared_ptr<const Archive> layout = options.like     ? open(*options.like, plain)
                                                  : options.config ? nullptr
                                                                   : source;
    return layout && &layout->format() == &format.info() ? layout : nullptr;
}

/// A file that does not say what its layers are, opened along the template's config where that fits it.
std::shared_ptr<Archive> told_by_template(const Location& source, std::shared_ptr<Archive> archive,
                                          const ConvertOptions& options) {
    const Model& model = archive->model();
    if (!options.like || options.config || !model.config.is_null() || !model.has_layers() ||
        has_classes(model))
        return archive;
    OpenOptions open_options = options.open;
    try {
        read_config(*options.like, open_options);
        auto told = open(source, open_options);
        return told->used_config() ? told : archive;
    } catch (const Error&) {  // the template holds none, or another model's
        return archive;
    }
}

/// What execute() would do to the casts: a dry run, too, tells what overflows.
void evaluate_recasts(const std::vector<Recast>& recasts, const WriteOptions& write) {
    std::vector<ScanItem> items;
    for (const Recast& recast : recasts)
        items.push_back({recast.value});
    scan(items, cut_blocks(items), {write.threads, write.progress, write.cancel}, [](auto, auto) {});
}

WritePlan plan_of(Model& model, const Format& format, const Location& destination, const SaveOptions& save,
                  std::shared_ptr<const Archive> kept, Report& report) {
    check_dtypes(model, format, save);
    report.reserve(report.entries().size() + model_values(model).size());
    Target target = target_at(destination, format.info());
    target.old = std::move(kept);
    WritePlan plan = format.plan(model, target, save, report);
    report.target = destination.display();
    report.target_format = format.info().id;
    report.bytes = plan.tensor_bytes();
    if (!format.info().can.discards) check_complete(model, report);
    return plan;
}

}  // namespace

void save(const Model& model, const Format& format, const Location& destination,
          const SaveOptions& save_options, const WriteOptions& write, Report& report) {
    require_shards(format.info(), save_options, destination);
    Model copy = model;
    const WritePlan plan = plan_of(copy, format, destination, save_options, nullptr, report);
    execute(plan, destination.fs, write);
}

Report convert(const Location& source, const Location& wanted, const ConvertOptions& options) {
    Report report;
    Location destination = wanted;
    const Format& format = target_format(options.to, options.save.max_shard_size, destination, report);
    check_compression(format.info(), options.save, report);
    if (!may_write(destination, options, report)) return report;
    OpenOptions open_options = options.open;
    Tree optimizer;
    if (options.config) optimizer = read_config(*options.config, open_options);
    const auto archive = told_by_template(source, open(source, open_options), options);
    report.source = source.display();
    report.source_format = archive->format().id;
    for (const std::string& warning : archive->warnings())
        report.warn(warning);
    Model model = archive->release_model();
    describe_optimizer(model, optimizer);
    select_values(model, options.include, options.exclude, archive->problems(), report);
    const Refusal refusal(*archive, model);
    std::vector<Recast> recasts;
    WritePlan plan;
    try {
        take_from_backend(model, options.from_backend, report);
        model = fit(*archive, std::move(model), options, open_options, report);
        reorder_flattened(model, options.flatten_orders, report, options.save.include_optimizer);
        if (holds_whole_models(format.info()) && !open_options.config.is_null())
            model.config = open_options.config;
        const bool whole = holds_whole_models(format.info()) ||
                           (format.info().can.config && offers(format.info(), "keras3"));
        if (whole && !options.save.weights_only && open_options.config.is_null())
            require_vocabularies(model, allowed(options.allow_loss, "assets"), report);
        if (wants_keras3(format.info(), options.save)) {
            describe_fitted_bins(model, open_options.limits, report);
            write_out_vocabularies(model, open_options.limits, report);
            write_out_padded_idf(model, open_options.limits, report);
            model = modernised(std::move(model), report);
        }
        // tf_keras does not compute them when it opens a .keras, not even its own.
        if (wants_keras2(format.info(), options.save) && holds_whole_models(format.info()))
            describe_fitted_bins(model, open_options.limits, report);
        if (wants_keras2(format.info(), options.save)) model = for_tf_keras(std::move(model), report);
        if (options.skip_slot_variables) leave_slots(model, format.info(), report);
        if (options.dtype) recasts = recast_weights(model, *options.dtype);
        plan =
            plan_of(model, format, destination, options.save, kept_around(format, archive, options), report);
        if (!format.info().can.discards) check_losses(model, report, options.allow_loss);
    } catch (const Error& error) {
        refusal.explain(error);
    }
    if (options.dry_run) {
        evaluate_recasts(recasts, options.write);
    } else {
        execute(plan, destination.fs, options.write);
    }
    report_overflows(recasts, report);
    return report;
}

Report convert(const std::filesystem::path& source, const std::filesystem::path& destination,
               const ConvertOptions& options) {
    const auto kind = destination.has_filename() ? Location::Kind::file : Location::Kind::directory;
    return convert(Location::for_reading(source), Location::for_writing(destination, kind), options);
}

Result<Report> try_convert(const std::filesystem::path& source, const std::filesystem::path& destination,
                           const ConvertOptions& options) noexcept {
    return catching<Report>([&] { return convert(source, destination, options); });
}

}  // namespace ballast
