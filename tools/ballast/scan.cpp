// SPDX-License-Identifier: Apache-2.0
// ballast scan: what of a model would run code or reach outside of its file.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "ballast/hazards.h"
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
    bool as_json = false;
};

std::string_view word_of(Hazard::Level level) {
    return level == Hazard::Level::danger ? "danger" : "trust";
}

Tree tree_of(const HazardReport& report) {
    Tree file = Tree::object();
    file.set("path", report.path);
    file.set("parts", static_cast<std::uint64_t>(report.parts));
    Tree& list = file.set("hazards", Tree::array());
    for (const Hazard& hazard : report.hazards) {
        Tree& row = list.push_back(Tree::object());
        row.set("level", word_of(hazard.level));
        row.set("rule", hazard.rule);
        row.set("where", hazard.where);
        row.set("text", hazard.text);
    }
    file.set("problems", problems_tree(report.problems));
    return file;
}

void print(Output& out, const HazardReport& report) {
    const std::string path = escape(report.path);
    if (report.hazards.empty() && report.problems.empty()) {
        out.print("{}: nothing known found\n", path);
        return;
    }
    out.print("{}\n", path);
    for (const Hazard& hazard : report.hazards)
        out.print("  {:<6}  {:<16}  {}\n                            {}\n", word_of(hazard.level), hazard.rule,
                  escape(hazard.where), escape(hazard.text));
    for (const Error& problem : report.problems)
        out.print("  unread                    {}\n", escape(problem.what()));
}

/// What is dangerous decides, then what could not be read.
int code_of(const std::vector<HazardReport>& reports, int worst) {
    const auto found = [](const HazardReport& report) { return !report.hazards.empty(); };
    if (std::any_of(reports.begin(), reports.end(), found)) return exit_differs;
    for (const HazardReport& report : reports)
        for (const Error& problem : report.problems)
            worst = std::max(worst, exit_code_of(problem));
    return worst;
}

int run(const Options& options) {
    std::vector<HazardReport> reports;
    int worst = exit_ok;
    for (const FoundSource& source : find_sources(options.paths, Search::files)) {
        try {
            reports.push_back(find_hazards(source.path));
        } catch (const Error& error) {
            print_error(error);
            worst = std::max(worst, exit_code_of(error));
        }
    }
    if (reports.empty() && worst == exit_ok)
        throw Error(ErrorCode::not_found, "there is no file to look at").in(options.paths.front());
    Output out;
    if (options.as_json) {
        const auto to_tree = [](const HazardReport& report) { return tree_of(report); };
        out.print("{}\n", json::write(files_document(reports, to_tree), 1));
    } else {
        for (const HazardReport& report : reports)
            print(out, report);
    }
    out.flush();
    return code_of(reports, worst);
}

std::string notes() {
    std::string text = R"(Configs, graphs of operations, links and archives are read as data; nothing is
run, imported, fetched or unpacked. `danger` is what runs code or reaches outside
of the file; `trust` is what the loading program must bring: look where it comes
from. "Nothing known found" does not mean that a file is safe.

Exit status: 0 nothing known found, 1 something found, 3 or 4 a part could not be
read. What is looked for:

)";
    for (const HazardRule& rule : hazard_rules())
        text += fmt::format("  {:<17} {}\n", rule.id, rule.text);
    return text + R"(
Examples:
  ballast scan model.keras
  ballast scan downloads/ --json)";
}

}  // namespace

Command add_scan(Arguments program) {
    auto options = std::make_shared<Options>();
    Arguments command = program.command("scan", "Says what of a model would run code or reach outside of it");
    command.option("PATH", options->paths, "Files and folders").required().value("FILE");
    command.flag("--json", options->as_json, "One JSON document with \"schema\": 1 on standard output");
    command.notes(notes());
    return {command, [options] { return run(*options); }};
}

}  // namespace ballast::tool
