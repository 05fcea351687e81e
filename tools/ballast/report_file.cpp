// SPDX-License-Identifier: Apache-2.0
// Reports as JSON and as HTML, see report_file.h.
#include "report_file.h"

#include <string_view>

#include "ballast/ballast.h"
#include "cli.h"
#include "container/json/json.h"
#include "convert/pipeline.h"
#include "core/text.h"
#include "page.h"

namespace ballast::tool {
namespace {

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

std::string as_page(const std::vector<Report>& reports) {
    std::string page = page_head("ballast: report");
    for (const Report& report : reports) {
        page += "<h1>" + html(report.source) + " &rarr; " + html(report.target) + "</h1>\n<p>" +
                html(report.source_format) + " &rarr; " + html(report.target_format) + ": " +
                html(report.summary()) + ", " + human_size(report.bytes) + "\n" + entries_table(report, true);
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
