// SPDX-License-Identifier: Apache-2.0
// ballast inspect: what is in a file, as a table, as a tree or as JSON.
#include <memory>
#include <numeric>

#include "cli.h"
#include "inspect.h"

namespace ballast::tool {
namespace {

struct Options {
    std::string path;
    std::vector<std::string> globs;
    std::string from, config;
    bool json = false, tree = false, stats = false;
    unsigned threads = 0;
};

/// Positions of the tensors to show, in index order.
std::vector<std::size_t> selected(const Index& index, const std::vector<std::string>& globs) {
    std::vector<std::size_t> positions(index.size());
    std::iota(positions.begin(), positions.end(), std::size_t{0});
    if (globs.empty()) return positions;
    std::vector<bool> wanted(index.size());
    for (const std::string& glob : globs) {
        for (const std::size_t position : index.match(glob))
            wanted[position] = true;
    }
    std::erase_if(positions, [&](std::size_t position) { return !wanted[position]; });
    return positions;
}

void add_stats(View& view, const Options& options) {
    ProgressBar bar(true);
    StatsOptions stats;
    stats.threads = options.threads;
    stats.progress = [&bar](const Progress& progress) { bar.update(progress); };
    stats.cancel = interrupted;
    view.stats = tensor_stats(view.archive, view.positions, stats);
    view.with_stats = true;
}

int run(const Options& options) {
    const auto archive = open_source(options.path, options.from, options.config);
    View view{*archive, selected(archive->index(), options.globs), false, {}};
    if (options.stats) add_stats(view, options);
    Output out;
    if (options.json)
        print_json(view, out);
    else if (options.tree)
        print_tree(view, out);
    else
        print_table(view, out);
    out.flush();
    return exit_ok;
}

}  // namespace

Command add_inspect(Arguments program) {
    auto options = std::make_shared<Options>();
    Arguments command = program.command("inspect", "Lists what a file holds: format, producer, tensors");
    command.option("PATH", options->path, "The file").required().value("FILE");
    command.option("GLOB", options->globs, "Show only tensors whose stored or canonical name matches")
        .value("GLOB");
    add_source_options(command, options->from, options->config);
    const auto json =
        command.flag("--json", options->json, "One JSON document with \"schema\": 1 on standard output");
    command.flag("--tree", options->tree, "The layers as a tree, with their sizes").excludes(json);
    command.flag("--stats", options->stats,
                 "Read the tensors: range, mean, deviation, NaN, infinities, zeros, a histogram");
    add_jobs_option(command, options->threads);
    command.notes(R"(Names are canonical: the path from the model to the layer, then the role of the
weight (conv1/kernel). In globs `*` and `?` stop at '/', `**` does not; a glob
without '/' also matches the last part of a name alone.

Of --stats, minimum to deviation are of the finite elements; the histogram has
equal bins from minimum to maximum.

Examples:
  ballast model.weights.h5
  ballast inspect model.h5 'conv*/**' --stats
  ballast inspect model.h5 --json | jq '.tensors[].name')");
    return {command, [options] { return run(*options); }};
}

}  // namespace ballast::tool
