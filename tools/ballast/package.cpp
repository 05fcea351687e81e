// SPDX-License-Identifier: Apache-2.0
// ballast pack and ballast unpack: the two forms of a .keras model.
#include "ballast/package.h"

#include <filesystem>
#include <memory>

#include "cli.h"
#include "core/text.h"

namespace ballast::tool {
namespace {

struct Options {
    std::string source, target;
    PackageOptions package;
    bool force = false, no_fsync = false, quiet = false;
};

using Work = void (*)(const std::filesystem::path&, const std::filesystem::path&, const PackageOptions&);

int run(Options& options, Work work, const char* done) {
    WriteOptions& write = options.package.write;
    write.overwrite = overwrite_of(options.force);
    write.ask = ask_overwrite;
    write.durable = !options.no_fsync;
    write.cancel = interrupted;
    {
        ProgressBar bar(!options.quiet);
        write.progress = [&bar](const Progress& progress) { bar.update(progress); };
        work(options.source, options.target, options.package);
    }
    if (!options.quiet)
        std::fprintf(stderr, "%s%s %s -> %s\n", options.package.dry_run ? "would have " : "", done,
                     escape(options.source).c_str(), escape(options.target).c_str());
    return exit_ok;
}

void add_how(Arguments command, Options& options) {
    command.flag("-f,--overwrite", options.force, "Replace an existing destination");
    command.flag("--dry-run", options.package.dry_run, "Do everything but write");
    command.flag("--no-fsync", options.no_fsync, "Do not wait for the disk");
    add_jobs_option(command, options.package.write.threads);
    command.flag("-q,--quiet", options.quiet, "No progress, no closing line; errors and warnings stay");
}

}  // namespace

Command add_pack(Arguments program) {
    auto options = std::make_shared<Options>();
    Arguments command = program.command("pack", "Makes a .keras file of a folder with its parts");
    command.option("DIR", options->source, "The folder: config.json, model.weights.h5, …")
        .required()
        .value("DIR");
    command.option("FILE", options->target, "The new .keras file").required().value("FILE");
    add_how(command, *options);
    command.notes(R"(Every part keeps its bytes. The members are stored, as Keras stores them; the
weights begin where they can be mapped.

Example:
  ballast pack model/ model.keras)");
    return {command, [options] { return run(*options, pack, "packed"); }};
}

Command add_unpack(Arguments program) {
    auto options = std::make_shared<Options>();
    Arguments command = program.command("unpack", "Makes a folder of a .keras file's parts");
    command.option("FILE", options->source, "The .keras file").required().value("FILE");
    command.option("DIR", options->target, "The new folder").required().value("DIR");
    add_how(command, *options);
    command.notes(R"(Names that would leave the folder are refused, checksums verified. The folder
appears in one step; Ballast reads it as it reads the file.

Example:
  ballast unpack model.keras model/)");
    return {command, [options] { return run(*options, unpack, "unpacked"); }};
}

}  // namespace ballast::tool
