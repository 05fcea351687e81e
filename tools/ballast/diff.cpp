// SPDX-License-Identifier: Apache-2.0
// ballast diff: what distinguishes two files, whatever their formats.
#include "ballast/diff.h"

#include <cstdio>
#include <memory>
#include <optional>

#include "cli.h"
#include "container/json/json.h"
#include "convert/pipeline.h"
#include "core/text.h"
#include "libhdf5.h"
#include "output.h"

namespace ballast::tool {
namespace {

using Kind = TensorChange::Kind;

struct Options {
    std::string a, b, from, config;
    std::vector<std::string> globs;
    std::optional<double> tolerance;
    bool json = false, weights_only = false, quiet = false;
    unsigned threads = 0;
};

std::string described(const std::string& name, DType dtype, const Shape& shape) {
    return fmt::format("{}  {} {}", escape(name), to_string(dtype), shape.to_string());
}

std::string described(const TensorChange& change) {
    switch (change.kind) {
        case Kind::only_in_a:
            return "only in A  " + described(change.name_a, change.dtype_a, change.shape_a);
        case Kind::only_in_b:
            return "only in B  " + described(change.name_b, change.dtype_b, change.shape_b);
        case Kind::renamed:
            return "renamed    " + escape(change.name_a) + " -> " + escape(change.name_b);
        case Kind::dtype:
            return fmt::format("dtype      {}  {} -> {}{}", escape(change.name_a), to_string(change.dtype_a),
                               to_string(change.dtype_b), change.counts ? "" : " (within the tolerance)");
        case Kind::shape:
            return fmt::format("shape      {}  {} -> {}", escape(change.name_a), change.shape_a.to_string(),
                               change.shape_b.to_string());
        case Kind::values:
            break;
    }
    std::string text = fmt::format("values     {}  {} of {} elements", escape(change.name_a),
                                   change.different, change.elements);
    if (change.largest) text += fmt::format(", largest difference {:.6g}", *change.largest);
    return text;
}

std::string described(const MetadataChange& change) {
    const auto side = [](const std::string& text) { return text.empty() ? "(nothing)" : escape(text); };
    return fmt::format("metadata   {}  {} -> {}{}", escape(change.key), side(change.a), side(change.b),
                       change.counts ? "" : " (no difference that counts)");
}

/// Like diff(1): nothing when nothing differs. The heading names the formats already.
void print_changes(const Diff& found, Output& out) {
    if (found.same()) return;
    out.print("A  {} ({})\nB  {} ({})\n", escape(found.path_a), found.format_a, escape(found.path_b),
              found.format_b);
    for (const TensorChange& change : found.tensors)
        out.print("{}\n", described(change));
    for (const MetadataChange& change : found.metadata)
        if (change.key != "format" && change.key != "kind") out.print("{}\n", described(change));
}

bool only_state_differs(const Diff& found) {
    bool any = false;
    for (const TensorChange& change : found.tensors) {
        const std::string& name = change.name_a.empty() ? change.name_b : change.name_a;
        if (!name.starts_with("optimizer") && !name.starts_with("metrics")) return false;
        any = true;
    }
    return any;
}

void print_closing(const Diff& found, const Options& options) {
    for (const std::string& note : found.notes)
        std::fprintf(stderr, "note: %s\n", escape(note).c_str());
    if (!options.weights_only && only_state_differs(found))
        std::fprintf(stderr, "note: the weights are the same; --weights-only compares them alone\n");
    if (options.quiet) return;
    const std::size_t different = found.pairs - found.same_pairs;
    std::string text = found.same() ? "same" : "different";
    text += fmt::format(": {} tensors in both ({}), {} of them different", found.pairs,
                        human_size(found.bytes), different);
    std::size_t only_a = 0, only_b = 0;
    for (const TensorChange& change : found.tensors) {
        only_a += change.kind == Kind::only_in_a ? 1U : 0U;
        only_b += change.kind == Kind::only_in_b ? 1U : 0U;
    }
    if (only_a != 0) text += fmt::format(", {} only in A", only_a);
    if (only_b != 0) text += fmt::format(", {} only in B", only_b);
    std::fprintf(stderr, "%s\n", text.c_str());
}

int run(const Options& options) {
    DiffOptions diff_options;
    diff_options.open.format = options.from;
    if (!options.config.empty()) read_config(options.config, diff_options.open);
    diff_options.tolerance = options.tolerance;
    diff_options.weights_only = options.weights_only;
    diff_options.include = options.globs;
    diff_options.threads = options.threads;
    diff_options.cancel = interrupted;
    Diff found;
    {
        ProgressBar bar(!options.quiet);
        diff_options.progress = [&bar](const Progress& progress) { bar.update(progress); };
        found = diff(source_of(options.a), source_of(options.b), diff_options);
    }
    Output out;
    if (options.json)
        out.print("{}\n", json::write(found.to_tree(), 1));
    else
        print_changes(found, out);
    out.flush();
    print_closing(found, options);
    return found.same() ? exit_ok : exit_differs;
}

}  // namespace

Command add_diff(Arguments program) {
    auto options = std::make_shared<Options>();
    Arguments command = program.command("diff", "Compares two files, also of different formats");
    command.option("A", options->a, "A file").required().value("FILE");
    command.option("B", options->b, "Another one").required().value("FILE");
    command.option("GLOB", options->globs, "Compare only tensors whose stored or canonical name matches")
        .value("GLOB");
    command
        .option("--tol", options->tolerance,
                "Largest difference of two elements taken as equal; floating-point types may differ then")
        .not_negative()
        .value("X");
    command.flag("--weights-only", options->weights_only, "Leave optimizer and metric state out");
    add_source_options(command, options->from, options->config);
    command.flag("--json", options->json, "One JSON document with \"schema\": 1 on standard output");
    add_jobs_option(command, options->threads);
    command.flag("-q,--quiet", options->quiet, "No progress, no closing line");
    command.notes(R"(Tensors are paired by stored name in files of one format and flavour, else by
canonical name; what is left by equal contents, as renamed. A config in one of
the files names the layers of the other one, too.

Without --tol elements are compared bit by bit: a NaN equals the same NaN, 0 is
not -0. With --tol any NaN equals any NaN.

Between files of one format configs and user metadata count as well; versions
and producers are told only.

Exit status:
  0 the same, 1 different, 2 and above errors as of every command

Examples:
  ballast diff epoch-07.weights.h5 epoch-08.weights.h5 'head/**'
  ballast diff old.h5 new.weights.h5 --weights-only
  ballast diff model.safetensors model-bf16.safetensors --tol 0.01)");
    return {command, [options] { return run(*options); }};
}

}  // namespace ballast::tool
