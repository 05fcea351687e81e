// SPDX-License-Identifier: Apache-2.0
// Reports of migrations, see migrate_report.h.
#include "migrate_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "ballast/stats.h"
#include "cli.h"
#include "container/json/json.h"
#include "convert/pipeline.h"
#include "core/option_names.h"
#include "core/text.h"
#include "page.h"
#include "stats_tree.h"

namespace ballast::tool {
namespace {

using Status = Migrated::Status;

/// What a report says of a model's tensors. Empty where the source cannot be read.
struct Contents {
    std::shared_ptr<const Archive> archive;
    std::vector<std::optional<TensorStats>> stats;
    std::map<std::string, std::string> classes;  ///< by the layer's name
};

Contents contents_of(const Migrated& model) {
    Contents contents;
    try {
        const auto archive = open(model.source.path);
        std::vector<std::size_t> positions(archive->index().tensors().size());
        std::iota(positions.begin(), positions.end(), std::size_t{0});
        contents.stats = tensor_stats(*archive, positions);
        contents.archive = archive;
        for (const Layer& layer : archive->model().layers)
            contents.classes.emplace(layer.name, layer.class_name);
    } catch (const Error&) {
        // Why is in the model's own row; one that was migrated and has gone since is shown without its
        // tensors.
        contents = {};
    }
    return contents;
}

std::string class_of(const Contents& contents, std::string_view layer) {
    const auto found = contents.classes.find(std::string(layer.substr(layer.rfind('/') + 1)));
    return found == contents.classes.end() ? std::string() : found->second;
}

std::string_view css_of(Status status) {
    constexpr std::string_view words[] = {"migrated", "weights", "muted", "refused", "muted", "muted"};
    return words[static_cast<std::size_t>(status)];
}

std::string number(double value) {
    return fmt::format("{:.4g}", value);
}

std::string tensor_row(const TensorInfo& tensor, const std::optional<TensorStats>& stats) {
    std::string row =
        fmt::format("<tr><td>{}<td>{}<td>{}<td class=number>{}", html(tensor.name), to_string(tensor.dtype),
                    html(tensor.shape.to_string()), human_size(tensor.byte_count()));
    if (!stats || !stats->values) return row + "<td><td><td><td><td>\n";
    const TensorStats::Values& values = *stats->values;
    for (const double value : {values.min, values.max, values.mean, values.deviation})
        row += "<td class=number>" + number(value);
    row += "<td>" + histogram_svg(values.histogram);
    if (stats->nan + stats->infinite != 0)
        row += fmt::format("<span class=warning>{} NaN, {} infinite</span>", stats->nan, stats->infinite);
    return row + "\n";
}

std::string tensors_table(const Contents& contents) {
    const auto tensors = contents.archive->index().tensors();
    std::string text =
        "<table>\n<tr><th>tensor<th>dtype<th>shape<th>size<th>min<th>max<th>mean<th>std<th>histogram\n";
    std::string group = "\n";
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const bool part = tensors[i].layer.empty() && tensors[i].part != Part::weight;
        const std::string own = part ? std::string(to_string(tensors[i].part)) : tensors[i].layer;
        if (own != group) {
            group = own;
            const std::string name = part ? std::string() : class_of(contents, group);
            if (!group.empty())
                text += "<tr><th colspan=9>" + html(group) +
                        (name.empty() ? "" : " <span class=muted>" + html(name) + "</span>") + "\n";
        }
        text += tensor_row(tensors[i], contents.stats[i]);
    }
    return text + "</table>\n";
}

std::string section(const Migrated& model, std::size_t number) {
    std::string text =
        fmt::format("<h2 id=\"m{}\">{}</h2>\n<p><span class={}>{}</span>", number,
                    html(model.source.path.string()), css_of(model.status), to_string(model.status));
    if (!model.target.empty())
        text += " &rarr; " + html(model.target.string()) + ": " + html(model.report.summary()) + ", " +
                human_size(model.report.bytes);
    text += "\n";
    if (model.error) {
        text += fmt::format("<p class=refused>{}\n", html(model.error->what()));
        if (!model.error->hint().empty()) text += "<p>" + html(for_tool(model.error->hint())) + "\n";
    }
    text += entries_table(model.report, false);
    const Contents contents = contents_of(model);
    if (!contents.archive) return text;
    return text + fmt::format("<details open><summary>{} tensors</summary>\n", contents.stats.size()) +
           tensors_table(contents) + "</details>\n";
}

std::string as_page(std::span<const Migrated> models, bool dry_run) {
    std::string page = page_head("ballast: migration");
    page += "<h1>Migration" + std::string(dry_run ? ", tried without writing" : "") + "</h1>\n<p>" +
            counts_of(models) + "\n<table>\n<tr><th>model<th>becomes<th><th>\n";
    for (std::size_t i = 0; i < models.size(); ++i) {
        const Migrated& model = models[i];
        page +=
            fmt::format("<tr><td><a href=\"#m{}\">{}</a><td>{}<td class={}>{}<td>{}\n", i,
                        html(model.source.path.string()), html(model.target.string()), css_of(model.status),
                        to_string(model.status), model.error ? html(model.error->message()) : std::string());
    }
    page += "</table>\n";
    for (std::size_t i = 0; i < models.size(); ++i)
        page += section(models[i], i);
    return page;
}

Tree error_tree(const Error& error) {
    Tree tree = Tree::object();
    tree.set("code", to_string(error.code()));
    tree.set("message", error.message());
    if (!error.tensor().empty()) tree.set("tensor", error.tensor());
    if (!error.hint().empty()) tree.set("hint", for_tool(error.hint()));
    return tree;
}

Tree tensors_tree(const Contents& contents) {
    Tree list = Tree::array();
    const auto tensors = contents.archive->index().tensors();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        Tree& row = list.push_back(Tree::object());
        row.set("name", tensors[i].name);
        row.set("layer", tensors[i].layer);
        row.set("class_name", class_of(contents, tensors[i].layer));
        row.set("dtype", to_string(tensors[i].dtype));
        Tree& shape = row.set("shape", Tree::array());
        for (const std::uint64_t dim : tensors[i].shape)
            shape.push_back(dim);
        row.set("stats", stats_tree(contents.stats[i]));
    }
    return list;
}

std::string as_json(std::span<const Migrated> models, bool dry_run) {
    Tree document = Tree::object();
    document.set("schema", 1);
    document.set("dry_run", dry_run);
    Tree& list = document.set("models", Tree::array());
    for (const Migrated& model : models) {
        Tree& row = list.push_back(Tree::object());
        row.set("source", model.source.path.string());
        row.set("target", model.target.empty() ? Tree() : Tree(model.target.string()));
        row.set("status", to_string(model.status));
        row.set("error", model.error ? error_tree(*model.error) : Tree());
        row.set("report", model.target.empty() ? Tree() : model.report.to_tree());
        const Contents contents = contents_of(model);
        row.set("tensors", contents.archive ? tensors_tree(contents) : Tree());
    }
    return json::write(document, 1) + "\n";
}

}  // namespace

std::string counts_of(std::span<const Migrated> models) {
    std::string text;
    for (const Status status : {Status::migrated, Status::weights_only, Status::current, Status::there,
                                Status::refused, Status::not_tried}) {
        const auto count = std::count_if(models.begin(), models.end(),
                                         [&](const Migrated& model) { return model.status == status; });
        if (count != 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, to_string(status));
    }
    return text;
}

void print_table(std::span<const Migrated> models, Output& out) {
    std::size_t widest = 0;
    for (const Migrated& model : models)
        widest = std::max(widest, escape(model.source.path.string()).size());
    for (const Migrated& model : models) {
        out.print("{:<13}  {:<{}}", to_string(model.status), escape(model.source.path.string()), widest);
        if (!model.target.empty()) out.print("  -> {}", escape(model.target.string()));
        out.write("\n");
        if (model.error) out.print("{:<13}  {}\n", "", escape(model.error->what()));
        if (model.error && !model.error->hint().empty())
            out.print("{:<13}  {}\n", "", escape(for_tool(model.error->hint())));
        for (const ReportEntry& entry : model.report.entries())
            if (entry.kind == ReportEntry::Kind::warning || entry.loss)
                out.print("{:<13}  {}: {}\n", "", to_string(entry.kind), escape(entry.text));
    }
    out.print("{}\n", counts_of(models));
}

void write_migration_report(const std::string& path, std::span<const Migrated> models, bool dry_run) {
    WriteOptions write;
    write.overwrite = Overwrite::allow;
    write_text(destination_of(path),
               path.ends_with(".html") ? as_page(models, dry_run) : as_json(models, dry_run), write);
}

}  // namespace ballast::tool
