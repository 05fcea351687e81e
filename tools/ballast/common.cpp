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

void add_source_options(CLI::App& command, std::string& from, std::string& config) {
    command.add_option("--from", from, "The file's format, when its content does not tell")->type_name("ID");
    command
        .add_option("--config", config,
                    "Name layers by this architecture: a model.to_json() file, or any file that holds one")
        ->type_name("FILE");
    add_libhdf5_option(command);
}

void add_jobs_option(CLI::App& command, unsigned& threads) {
    command.add_option("-j,--jobs", threads, "Threads (default: one a processor, at most 8)")
        ->check(CLI::Range(1u, 256u))
        ->type_name("N");
}

void add_plugin_option(CLI::App& command) {
    command
        .add_option_function<std::vector<std::string>>(
            "--plugin-dir",
            [](const std::vector<std::string>& folders) {
                for (const std::string& folder : folders)
                    Registry::load_folder(folder);
            },
            "Load the formats of the plugins (*.so) in this folder: their code runs, so only ones you trust")
        ->type_name("DIR")
        ->expected(1)
        ->take_all();
}

}  // namespace ballast::tool
