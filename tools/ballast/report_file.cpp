// SPDX-License-Identifier: Apache-2.0
// Reports as JSON and as HTML, see report_file.h.
#include "report_file.h"

#include <string_view>

#include "ballast/ballast.h"
#include "cli.h"
#include "container/json/json.h"
#include "convert/pipeline.h"
#include "core/text.h"

namespace ballast::tool {
namespace {

constexpr std::string_view page_head = R"(<!DOCTYPE html>
<meta charset="utf-8">
<title>ballast: report</title>
<style>
body { font: 14px/1.5 sans-serif; margin: 2em; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .1em 1em .1em 0; border-bottom: 1px solid #ddd; }
.loss, .warning { color: #b00; }
</style>
)";

std::string as_json(const std::vector<Report>& reports) {
    Tree document = reports.size() == 1 ? reports.front().to_tree() : Tree::object();
    if (reports.size() != 1) {
        document.set("schema", 1);
        Tree& list = document.set("conversions", Tree::array());
        for (const Report& report : reports)
            list.push_back(report.to_tree());
    }
    return json::write(document, 1) + "\n";
}

/// Text between tags. Control characters are escaped as on a terminal.
std::string html(std::string_view text) {
    std::string result;
    for (const char c : escape(text)) {
        if (c == '&')
            result += "&amp;";
        else if (c == '<')
            result += "&lt;";
        else if (c == '>')
            result += "&gt;";
        else
            result += c;
    }
    return result;
}

std::string row(const ReportEntry& entry) {
    const bool warned = entry.kind == ReportEntry::Kind::warning;
    const std::string_view style = entry.loss ? " class=loss" : warned ? " class=warning" : "";
    return "<tr" + std::string(style) + "><td>" + std::string(to_string(entry.kind)) +
           (entry.loss ? ", lost" : "") + "<td>" + html(entry.from) + "<td>" + html(entry.to) + "<td>" +
           html(entry.text) + "\n";
}

std::string as_page(const std::vector<Report>& reports) {
    std::string page(page_head);
    for (const Report& report : reports) {
        page += "<h1>" + html(report.source) + " &rarr; " + html(report.target) + "</h1>\n<p>" +
                html(report.source_format) + " &rarr; " + html(report.target_format) + ": " +
                html(report.summary()) + ", " + human_size(report.bytes) +
                "\n<table>\n<tr><th>what<th>from<th>to<th>why\n";
        for (const ReportEntry& entry : report.entries())
            page += row(entry);
        page += "</table>\n";
    }
    return page;
}

}  // namespace

void write_report(const std::string& path, const std::vector<Report>& reports) {
    WriteOptions write;
    write.overwrite = Overwrite::allow;
    write_text(destination_of(path), path.ends_with(".html") ? as_page(reports) : as_json(reports), write);
}

}  // namespace ballast::tool
