// SPDX-License-Identifier: Apache-2.0
// ballast verify: whether files are whole, and digests of what they hold.
#include "ballast/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli.h"
#include "container/json/json.h"
#include "core/text.h"
#include "files_document.h"
#include "output.h"
#include "sources.h"

namespace ballast::tool {
namespace {

struct Options {
    std::vector<std::string> paths;
    std::string expected, from;
    bool digests = false, values = false, as_json = false, quiet = false;
    unsigned threads = 0;
};

bool has_odd_values(const VerifyReport& report) {
    return std::any_of(report.tensors.begin(), report.tensors.end(),
                       [](const VerifiedTensor& tensor) { return tensor.nan + tensor.infinite != 0; });
}

Tree tree_of(const VerifiedTensor& tensor) {
    Tree row = Tree::object();
    row.set("name", tensor.name);
    row.set("part", to_string(tensor.part));
    row.set("dtype", to_string(tensor.dtype));
    Tree& shape = row.set("shape", Tree::array());
    for (const std::uint64_t extent : tensor.shape.dims())
        shape.push_back(extent);
    row.set("read", tensor.read);
    if (!tensor.digest.empty()) row.set("sha256", tensor.digest);
    if (tensor.nan != 0) row.set("nan", tensor.nan);
    if (tensor.infinite != 0) row.set("infinite", tensor.infinite);
    return row;
}

Tree tree_of(const VerifyReport& report) {
    Tree file = Tree::object();
    file.set("path", report.path);
    file.set("format", report.format);
    file.set("kind", report.kind);
    file.set("bytes", report.bytes);
    if (!report.weights_digest.empty()) file.set("weights_sha256", report.weights_digest);
    if (!report.state_digest.empty()) file.set("state_sha256", report.state_digest);
    Tree& tensors = file.set("tensors", Tree::array());
    for (const VerifiedTensor& tensor : report.tensors)
        tensors.push_back(tree_of(tensor));
    Tree& warnings = file.set("warnings", Tree::array());
    for (const std::string& warning : report.warnings)
        warnings.push_back(warning);
    file.set("problems", problems_tree(report.problems));
    return file;
}

std::string counted(std::size_t count, std::string_view what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

void print(Output& out, const VerifyReport& report, const std::string& expected) {
    out.print("{}: ", escape(report.path));
    if (!report.format.empty())
        out.print("{}, {}, {}: ", report.format, counted(report.tensors.size(), "tensor"),
                  human_size(report.bytes));
    out.print("{}\n", report.problems.empty() ? "whole" : counted(report.problems.size(), "problem"));
    for (const Error& problem : report.problems)
        out.print("  problem  {}\n", escape(problem.what()));
    for (const VerifiedTensor& tensor : report.tensors)
        if (tensor.nan + tensor.infinite != 0)
            out.print("  values   {}: {} NaN, {} infinite of {}\n", escape(tensor.name), tensor.nan,
                      tensor.infinite, tensor.shape.element_count());
    if (!report.weights_digest.empty()) out.print("  weights  {}\n", report.weights_digest);
    if (!report.state_digest.empty()) out.print("  state    {}\n", report.state_digest);
    if (!expected.empty() && report.weights_digest != expected)
        out.print("  differs  the weights are not those of {}\n", escape(expected));
}

/// A file that does not open is reported like the others, so that the rest is looked at, too.
VerifyReport verified(const std::filesystem::path& path, const VerifyOptions& options) {
    try {
        return verify(path, options);
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::cancelled || error.code() == ErrorCode::backend_missing) throw;
        VerifyReport report;
        report.path = path.string();
        report.problems.push_back(error);
        return report;
    }
}

/// What is damaged decides, then what was found.
int code_of(const std::vector<VerifyReport>& reports, const std::string& expected) {
    int worst = exit_ok;
    for (const VerifyReport& report : reports) {
        if (has_odd_values(report)) worst = std::max<int>(worst, exit_differs);
        if (!expected.empty() && report.weights_digest != expected)
            worst = std::max<int>(worst, exit_differs);
        for (const Error& problem : report.problems)
            worst = std::max(worst, exit_code_of(problem));
    }
    return worst;
}

void check_expected(const std::string& text, std::size_t files) {
    if (text.empty()) return;
    if (text.size() != 64 || text.find_first_not_of("0123456789abcdef") != text.npos)
        throw Error(ErrorCode::invalid_argument, "--expect takes the 64 digits that --digest prints");
    if (files != 1) throw Error(ErrorCode::invalid_argument, "--expect is for one file");
}

int run(const Options& options) {
    const std::vector<FoundSource> sources = find_sources(options.paths, Search::models);
    if (sources.empty())
        throw Error(ErrorCode::not_found, "there is no model or checkpoint to verify")
            .in(options.paths.front());
    check_expected(options.expected, sources.size());
    std::vector<VerifyReport> reports;
    for (const FoundSource& source : sources) {
        ProgressBar bar(!options.quiet);
        VerifyOptions verify_options;
        verify_options.digests = options.digests || !options.expected.empty();
        verify_options.values = options.values;
        verify_options.threads = options.threads;
        verify_options.open.format = options.from;
        verify_options.progress = [&](const Progress& progress) { bar.update(progress); };
        verify_options.cancel = interrupted;
        reports.push_back(verified(source.path, verify_options));
        bar.clear();
        for (const std::string& warning : reports.back().warnings)
            print_warning(escape(source.path.string() + ": " + warning));
    }
    Output out;
    if (options.as_json) {
        const auto to_tree = [](const VerifyReport& report) { return tree_of(report); };
        out.print("{}\n", json::write(files_document(reports, to_tree), 1));
    } else {
        for (const VerifyReport& report : reports)
            print(out, report, options.expected);
    }
    out.flush();
    return code_of(reports, options.expected);
}

constexpr const char* notes =
    R"(Reads every tensor and every other part: structure, sizes, compressed chunks, all
members of a set, and the checksums of zip archives, of TensorFlow's tables and
tensors, and of HDF5's fletcher32. HDF5 and safetensors keep no checksum of plain
tensors, so that a flipped bit in one shows in its digest only.

--digest prints SHA-256 digests: `weights` of weights and loose tensors, `state`
of what training keeps. They depend on names, types, shapes and elements alone and
stay the same in another format as long as the canonical names do. Each tensor's
own (--json) is that of its elements, row-major and little-endian, as numpy's
tobytes() gives them; the digest of all is that of the lines

  NAME DTYPE (DIMS) DIGEST

sorted as bytes, each with its line end.

Exit status: 0 whole, 1 NaN or infinities with --values or another digest than
--expect, 3 or 4 not readable or damaged, 6 of a kind that is not read.

Examples:
  ballast verify runs/ --values
  ballast verify model.keras --digest
  ballast verify model.keras --expect 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae)";

}  // namespace

Command add_verify(Arguments program) {
    auto options = std::make_shared<Options>();
    Arguments command = program.command("verify", "Reads all of a file and says whether it is whole");
    command.option("PATH", options->paths, "Files, folders, checkpoint prefixes").required().value("FILE");
    command.flag("--digest", options->digests, "Print SHA-256 digests of what the file holds");
    command.option("--expect", options->expected, "The digest that the weights must have").value("DIGEST");
    command.flag("--values", options->values, "Look for NaN and infinities, too");
    command.option("--from", options->from, "Read it as this format (`ballast formats`)").value("ID");
    add_jobs_option(command, options->threads);
    command.flag("--json", options->as_json, "One JSON document with \"schema\": 1 on standard output");
    command.flag("-q,--quiet", options->quiet, "No progress bar");
    command.notes(notes);
    return {command, [options] { return run(*options); }};
}

}  // namespace ballast::tool
