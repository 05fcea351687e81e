// SPDX-License-Identifier: Apache-2.0
// ballast edit: renames, replaces and deletes tensors of a file.
#include "ballast/edit.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>

#include "ballast/checkpoint.h"
#include "ballast/npy.h"
#include "cli.h"
#include "core/text.h"

namespace ballast::tool {
namespace {

struct Options {
    std::string path, output, from;
    std::vector<std::string> words;
    bool force = false, dry_run = false, no_fsync = false, quiet = false;
    unsigned threads = 0;
};

struct Operation {
    std::string_view word;
    std::string_view usage;
    std::size_t arguments;  ///< 0 = one or more, up to ';' or the end
};
constexpr std::array operations = {Operation{"rename", "rename OLD NEW", 2},
                                   Operation{"set", "set NAME FILE.npy", 2},
                                   Operation{"delete", "delete GLOB…", 0}};

[[noreturn]] void usage_error(std::string message) {
    throw Error(ErrorCode::invalid_argument, std::move(message))
        .hint(
            "ballast edit PATH rename OLD NEW | set NAME FILE.npy | delete GLOB… ; several with ';' between");
}

/// The words of one operation, from `at` on.
std::span<const std::string> words_of(const std::vector<std::string>& words, std::size_t at,
                                      const Operation& operation) {
    const auto first = words.begin() + static_cast<std::ptrdiff_t>(at);
    const auto count = static_cast<std::size_t>(std::find(first, words.end(), ";") - first);
    const bool fits = operation.arguments == 0 ? count > 0 : count == operation.arguments;
    if (!fits) usage_error("it is: " + std::string(operation.usage));
    return std::span(words).subspan(at, count);
}

std::vector<Edit> edits_of(const std::vector<std::string>& words) {
    std::vector<Edit> edits;
    for (std::size_t at = 0; at < words.size();) {
        const auto operation = std::find_if(operations.begin(), operations.end(),
                                            [&](const Operation& known) { return known.word == words[at]; });
        if (operation == operations.end()) usage_error("'" + words[at] + "' is no edit");
        const auto arguments = words_of(words, at + 1, *operation);
        if (operation->word == "rename") {
            edits.push_back(Edit::rename(arguments[0], arguments[1]));
        } else if (operation->word == "set") {
            edits.push_back(Edit::set(arguments[0], read_npy(arguments[1], arguments[0])));
        } else {
            for (const std::string& glob : arguments)
                edits.push_back(Edit::remove(glob));
        }
        at += 1 + arguments.size() + 1;  // and the ';'
    }
    return edits;
}

void print_closing(const EditResult& result, const Options& options) {
    for (const ReportEntry& entry : result.report.entries()) {
        if (entry.kind == ReportEntry::Kind::warning) print_warning(entry.text);
        if (entry.kind == ReportEntry::Kind::note && !options.quiet)
            std::fprintf(stderr, "note: %s\n", escape(entry.text).c_str());
    }
    if (options.quiet) return;
    std::string text;
    for (const auto& [count, word] : {std::pair(result.renamed, "renamed"), std::pair(result.set, "set"),
                                      std::pair(result.removed, "deleted")}) {
        if (count != 0) text += ", " + std::to_string(count) + " " + word;
    }
    std::fprintf(stderr, "%s %s (%s)%s\n", options.dry_run ? "would edit" : "edited",
                 escape(result.report.target).c_str(), result.report.target_format.c_str(),
                 text.empty() ? ", nothing changed" : text.c_str());
}

/// `repair`: the state file of a folder of TensorFlow checkpoints, given as itself or as the folder.
int run_repair(const Options& options) {
    if (!options.output.empty()) usage_error("repair changes the state file in its place");
    std::filesystem::path folder(options.path);
    if (!std::filesystem::is_directory(folder)) {
        if (folder.filename() != "checkpoint") usage_error("repair is for a state file named checkpoint");
        folder = folder.has_parent_path() ? folder.parent_path() : std::filesystem::path(".");
    }
    WriteOptions write;
    write.durable = !options.no_fsync;
    const StateFileRepair result = repair_state_file(folder, options.dry_run, write);
    if (options.quiet) return exit_ok;
    for (const std::string& change : result.changes)
        std::fprintf(stderr, "note: %s\n", escape(change).c_str());
    std::fprintf(stderr, "%s %s%s\n", options.dry_run ? "would edit" : "edited",
                 escape(result.file.string()).c_str(), result.changes.empty() ? ", nothing changed" : "");
    return exit_ok;
}

int run(const Options& options) {
    if (options.words.size() == 1 && options.words.front() == "repair") return run_repair(options);
    EditOptions edit_options;
    edit_options.open.format = options.from;
    edit_options.dry_run = options.dry_run;
    WriteOptions& write = edit_options.write;
    const bool in_place = options.output.empty();
    write.overwrite = in_place ? Overwrite::allow : overwrite_of(options.force);
    write.ask = ask_overwrite;
    write.durable = !options.no_fsync;
    write.threads = options.threads;
    write.cancel = interrupted;
    const std::vector<Edit> edits = edits_of(options.words);
    EditResult result;
    {
        ProgressBar bar(!options.quiet);
        write.progress = [&bar](const Progress& progress) { bar.update(progress); };
        result = edit(Location::for_reading(options.path),
                      destination_of(in_place ? options.path : options.output), edits, edit_options);
    }
    print_closing(result, options);
    return exit_ok;
}

}  // namespace

Command add_edit(Arguments program) {
    auto options = std::make_shared<Options>();
    Arguments command =
        program.command("edit", "Renames, replaces and deletes tensors; all else stays as it is");
    command.option("PATH", options->path, "The file").required().value("FILE");
    command
        .option("EDIT", options->words,
                "rename OLD NEW, set NAME FILE.npy, delete GLOB…; several with ';' between; or repair")
        .required()
        .value("");
    command.option("-o,--output", options->output, "Write this file instead of PATH itself").value("FILE");
    command.option("--from", options->from, "The file's format, when its content does not tell").value("ID");
    command.flag("-f,--overwrite", options->force, "Replace an existing output file");
    command.flag("--dry-run", options->dry_run, "Do everything but write");
    command.flag("--no-fsync", options->no_fsync, "Do not wait for the disk");
    add_jobs_option(command, options->threads);
    command.flag("-q,--quiet", options->quiet, "No progress, no closing line; errors and warnings stay");
    command.notes(R"(The file keeps its format and flavour. It is written anew and put in place in
one step: a reader sees the old file or the new one, and so does whoever finds
it after a crash.

  rename  a tensor or a group by its stored name (it stays in its group), or a
          layer by its canonical path; in whole models the config follows
  set     from a .npy of the tensor's shape and dtype; bfloat16 and float8 as
          plain bytes, see `ballast cat --help`
  delete  every tensor that matches; a glob that matches nothing is an error
  repair  of a TensorFlow state file `checkpoint` or its folder: paths to the
          checkpoints beside it become relative, dead ones are left out

In a TensorFlow checkpoint, rename takes the attribute an object is held under
(stored names), the name a variable has itself, or a key of TensorFlow 1 with
all below it.

Examples:
  ballast edit model.weights.h5 rename head classifier -o renamed.weights.h5
  ballast edit model.safetensors set head/bias zeros.npy ';' delete 'aux/**'
  ballast edit model.weights.h5 delete 'optimizer/**'
  ballast edit runs/42/checkpoint repair)");
    return {command, [options] { return run(*options); }};
}

}  // namespace ballast::tool
