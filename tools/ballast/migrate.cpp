// SPDX-License-Identifier: Apache-2.0
// ballast migrate: old models, many at once, to today's formats.
#include <memory>

#include "cli.h"
#include "migrate_models.h"
#include "migrate_report.h"

namespace ballast::tool {
namespace {

namespace fs = std::filesystem;

struct Options {
    std::vector<std::string> paths;
    std::string folder, report;
    MigrateOptions migrate;
    bool without_optimizer = false, no_fsync = false, quiet = false;
};

int code_of(const std::vector<Migrated>& models) {
    if (interrupted()) return 128 + caught_signal();
    for (const Migrated& model : models)
        if (model.status == Migrated::Status::refused) return exit_code_of(*model.error);
    return exit_ok;
}

/// A report must not take the place of what is migrated, nor of what it becomes.
void check_report(const fs::path& report, const std::vector<FoundSource>& sources,
                  const MigrateOptions& migrate) {
    const std::string name = report.string();
    if (!name.ends_with(".json") && !name.ends_with(".html"))
        throw Error(ErrorCode::invalid_argument, "a report is NAME.html or NAME.json").in(name);
    const fs::path whole = fs::weakly_canonical(report);
    const auto within = [&](const fs::path& path) {
        const fs::path relative = whole.lexically_relative(fs::weakly_canonical(path));
        return !relative.empty() && *relative.begin() != "..";
    };
    for (const FoundSource& source : sources) {
        bool taken = within(source.path);
        for (const fs::path& target : targets_of(source, migrate))
            taken = taken || within(target);
        if (taken)
            throw Error(ErrorCode::invalid_argument,
                        "the report would replace '" + name + "', which is migrated")
                .hint("give --report a name of its own");
    }
}

int run(Options& options) {
    MigrateOptions& migrate = options.migrate;
    migrate.folder = options.folder;
    migrate.save.include_optimizer = !options.without_optimizer;
    migrate.write.durable = !options.no_fsync;
    migrate.write.cancel = interrupted;
    if (!migrate.to.empty()) migrate.to = Registry::current().find(migrate.to).info().id;
    const auto sources = find_sources(options.paths, Search::models);
    if (sources.empty())
        throw Error(ErrorCode::not_found, "no model was found")
            .hint("in folders, names tell what is a model: name the files");
    if (!options.report.empty()) {
        check_report(options.report, sources, migrate);
        if (!migrate.dry_run) make_folder(migrate.folder);  // the report may go there
        destination_of(options.report);
    }
    const std::vector<Migrated> models = migrate_models(sources, migrate);
    if (!options.report.empty()) write_migration_report(options.report, models, migrate.dry_run);
    Output out;
    if (options.quiet)
        out.print("{}\n", counts_of(models));
    else
        print_table(models, out);
    out.flush();
    return code_of(models);
}

}  // namespace

Command add_migrate(Arguments program) {
    auto options = std::make_shared<Options>();
    Arguments command =
        program.command("migrate", "Brings old models to today's formats: files, folders, prefixes, globs");
    command.option("SRC", options->paths, "Models, and folders of models").required().value("FILE");
    command.option("--out-dir", options->folder, "Where the new files go; made when missing")
        .required()
        .value("DIR");
    command
        .option("--to", options->migrate.to,
                "Target format; else .keras, and .weights.h5 where that cannot be")
        .value("ID");
    command.flag("--keep-going", options->migrate.keep_going, "Go on after a model that is refused");
    command.flag("--skip-existing", options->migrate.skip_existing,
                 "Leave what an earlier run has written; without it, it is an error");
    command
        .option("--allow-loss", options->migrate.allow_loss, "Accept a loss: weights, assets, precision, all")
        .one_of({"weights", "assets", "precision", "all"})
        .one_word_each();
    command.flag("--dry-run", options->migrate.dry_run, "Do everything but write");
    command
        .option(
            "--report", options->report,
            "Write what became of each model, as JSON or (NAME.html) as a page with layers and histograms")
        .value("FILE");
    command.flag("--without-optimizer", options->without_optimizer, "Leave the optimizers' state behind");
    command.flag("--no-fsync", options->no_fsync, "Do not wait for the disk");
    add_jobs_option(command, options->migrate.write.threads);
    command.flag("-q,--quiet", options->quiet, "The counts alone");
    command.notes(R"(Each model becomes a .keras file that today's Keras opens, with the names and
subfolders of the sources. Where Keras 3 has no counterpart for the architecture,
the weights alone become a .weights.h5. Files that exist are never replaced: an
interrupted run goes on with --skip-existing. At the end a table says what became
of each; a .keras of Keras 3 is `current`. What one model needs besides (a config,
names, another format), `ballast convert` takes.

Exit status: 0, or that of the first refusal.

Examples:
  ballast migrate old/ --out-dir new/ --keep-going --report migration.html
  ballast migrate 'runs/*.h5' exported_model/ --out-dir new/ --dry-run)");
    return {command, [options] { return run(*options); }};
}

}  // namespace ballast::tool
