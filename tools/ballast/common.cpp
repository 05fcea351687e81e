// SPDX-License-Identifier: Apache-2.0
// What the subcommands share: opening sources, destinations, common options.
#include <cstdio>

#include "cli.h"
#include "convert/pipeline.h"
#include "libhdf5.h"

namespace ballast::tool {

std::shared_ptr<Archive> open_source(const std::string& path, const std::string& from,
                                     const std::string& config) {
    OpenOptions options;
    options.format = from;
    if (!config.empty()) read_config(config, options);
    auto archive = open(source_of(path), options);
    for (const std::string& warning : archive->warnings())
        print_warning(warning);
    for (const Error& problem : archive->problems())
        print_warning(problem.what());
    return archive;
}

Location destination_of(const std::filesystem::path& path) {
    try {
        const auto kind = path.has_filename() ? Location::Kind::file : Location::Kind::directory;
        return Location::for_writing(path, kind);
    } catch (Error& error) {
        if (error.code() != ErrorCode::not_found) throw;
        throw Error(ErrorCode::write_failed, error.message())
            .in(error.path())
            .hint("create the folder first");
    }
}

Overwrite overwrite_of(bool force) {
    if (force) return Overwrite::allow;
    return stdin_is_terminal() ? Overwrite::ask : Overwrite::refuse;
}

void add_source_options(Arguments command, std::string& from, std::string& config) {
    command.option("--from", from, "The file's format, when its content does not tell").value("ID");
    command
        .option("--config", config,
                "Name layers by this architecture: a model.to_json() file, or any file that holds one")
        .value("FILE");
    add_libhdf5_option(command);
}

void add_jobs_option(Arguments command, unsigned& threads) {
    command.option("-j,--jobs", threads, "Threads (default: one a processor, at most 8)")
        .between(1, 256)
        .value("N");
}

void add_plugin_option(Arguments command) {
    command
        .option(
            "--plugin-dir",
            [](const std::vector<std::string>& folders) {
                for (const std::string& folder : folders)
                    Registry::load_folder(folder);
            },
            "Load the formats of the plugins (*.so) in this folder: their code runs, so only ones you trust")
        .value("DIR");
}

}  // namespace ballast::tool
