// SPDX-License-Identifier: Apache-2.0
// ballast latest: the newest checkpoint of a folder.
#include <memory>

#include "ballast/checkpoint.h"
#include "cli.h"
#include "core/text.h"
#include "output.h"

namespace ballast::tool {
namespace {

struct Options {
    std::string folder;
    bool verbose = false;
};

int run(const Options& options) {
    const auto latest = latest_checkpoint(options.folder);
    if (!latest)
        throw Error(ErrorCode::not_found, "the folder holds no checkpoint")
            .in(options.folder)
            .hint("subfolders are not searched");
    // A path is data for the next program, which gets it as it is; a terminal gets no control characters.
    const std::string path = latest->path.string();
    Output out;
    out.print("{}\n", stdout_is_terminal() ? escape(path) : path);
    out.flush();
    if (options.verbose) std::fprintf(stderr, "%s\n", latest->reason.c_str());
    return exit_ok;
}

}  // namespace

Command add_latest(Arguments program) {
    auto options = std::make_shared<Options>();
    Arguments command = program.command("latest", "Prints the path of the newest checkpoint in a folder");
    command.option("DIR", options->folder, "The folder").required().value("DIR");
    command.flag("-v,--verbose", options->verbose, "Say on standard error how it was found");
    command.notes(R"~(Which one is the newest:

  1. The one that the state file `checkpoint` names, when it is there.
  2. Else, of checkpoints whose names differ in numbers only, the one with the
     highest number: behind epoch, step and the like where names have such
     words, else the first number that differs.
  3. Of what is left, the one changed last.

Of a TensorFlow checkpoint the prefix is printed. Members of shard sets do not
count, nor do links beside files, nor what lies in subfolders.

Examples:
  ballast inspect "$(ballast latest runs/42)")~");
    return {command, [options] { return run(*options); }};
}

}  // namespace ballast::tool
