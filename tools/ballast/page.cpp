// SPDX-License-Identifier: Apache-2.0
// Parts of HTML pages, see page.h.
#include "page.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"

namespace ballast::tool {
namespace {

constexpr std::string_view style = R"(
body { font: 14px/1.5 sans-serif; margin: 2em auto; max-width: 80em; padding: 0 1em; color: #222; background: #fff; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin: 2em 0 .3em; overflow-wrap: anywhere; }
table { border-collapse: collapse; margin: .5em 0; }
th, td { text-align: left; vertical-align: top; padding: .15em 1em .15em 0; border-bottom: 1px solid #ddd; overflow-wrap: anywhere; }
th { white-space: nowrap; } td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
svg { display: block; } svg rect { fill: #47a; }
.loss, .warning, .refused { color: #b00; } .weights { color: #850; } .migrated { color: #161; } .muted { color: #666; }
summary { cursor: pointer; }
@media print { body { max-width: none; margin: 0; } h2 { break-after: avoid; } tr { break-inside: avoid; } a { color: inherit; } }
)";

std::string row(const ReportEntry& entry) {
    const bool warned = entry.kind == ReportEntry::Kind::warning;
    const std::string_view kind = entry.loss ? " class=loss" : warned ? " class=warning" : "";
    return fmt::format("<tr{}><td>{}{}<td>{}<td>{}<td>{}\n", kind, to_string(entry.kind),
                       entry.loss ? ", lost" : "", html(entry.from), html(entry.to), html(entry.text));
}

}  // namespace

std::string page_head(std::string_view title) {
    return fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n<style>{}</style>\n",
        html(title), style);
}

std::string html(std::string_view text) {
    std::string result;
    for (const char c : escape(text)) {
        if (c == '&')
            result += "&amp;";
        else if (c == '<')
            result += "&lt;";
        else if (c == '>')
            result += "&gt;";
        else if (c == '"')
            result += "&quot;";
        else
            result += c;
    }
    return result;
}

std::string entries_table(const Report& report, bool all) {
    std::string rows;
    for (const ReportEntry& entry : report.entries())
        if (all || entry.kind != ReportEntry::Kind::matched) rows += row(entry);
    return rows.empty() ? rows : "<table>\n<tr><th>what<th>from<th>to<th>why\n" + rows + "</table>\n";
}

std::string histogram_svg(std::span<const std::uint64_t> counts) {
    if (counts.empty()) return {};
    constexpr unsigned height = 18, bar = 5;
    const std::uint64_t most = std::max<std::uint64_t>(1, *std::max_element(counts.begin(), counts.end()));
    std::string svg = fmt::format("<svg width=\"{}\" height=\"{}\" role=\"img\" aria-label=\"histogram\">",
                                  counts.size() * (bar + 1), height);
    for (std::size_t i = 0; i < counts.size(); ++i) {
        // A bin that is not empty can be seen.
        const double share = static_cast<double>(counts[i]) / static_cast<double>(most);
        const double tall = counts[i] == 0 ? 0.0 : std::max(1.0, share * height);
        svg += fmt::format("<rect x=\"{}\" y=\"{:.1f}\" width=\"{}\" height=\"{:.1f}\"/>", i * (bar + 1),
                           height - tall, bar, tall);
    }
    return svg + "</svg>";
}

}  // namespace ballast::tool
