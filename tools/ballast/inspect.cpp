// SPDX-License-Identifier: Apache-2.0
// ballast inspect: what is in a file, as a table or as JSON.
#include <fmt/format.h>

#include <cstdio>
#include <iterator>
#include <memory>
#include <numeric>

#include "cli.h"
#include "container/json/json.h"
#include "core/text.h"

namespace ballast::tool {
namespace {

struct Options {
    std::string path;
    std::vector<std::string> globs;
    std::string from;
    bool json = false;
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

void flush(fmt::memory_buffer& out) {
    std::fwrite(out.data(), 1, out.size(), stdout);
    out.clear();
}

void flush_when_large(fmt::memory_buffer& out) {
    constexpr std::size_t large = 1 << 18;
    if (out.size() > large) flush(out);
}

/// "Keras 2.21.0 (tensorflow), flavour tf_keras"; empty when nothing is known.
std::string producer_of(const Archive& archive) {
    const Producer& producer = archive.model().producer;
    std::string text;
    if (!producer.keras_version.empty()) text = "Keras " + producer.keras_version;
    if (!producer.backend.empty()) text += (text.empty() ? "" : ", ") + producer.backend;
    if (!producer.flavor.empty())
        text += (text.empty() ? "" : ", ") + std::string("flavour ") + producer.flavor;
    return text;
}

Tree producer_tree(const Archive& archive) {
    const Producer& producer = archive.model().producer;
    Tree tree = Tree::object();
    tree.set("dialect", producer.dialect);
    tree.set("flavor", producer.flavor);
    tree.set("keras_version", producer.keras_version);
    tree.set("backend", producer.backend);
    return tree;
}

Tree tensor_tree(const TensorInfo& tensor) {
    Tree row = Tree::object();
    row.set("name", tensor.name);
    row.set("stored_name", tensor.stored_name);
    row.set("part", to_string(tensor.part));
    row.set("layer", tensor.layer);
    row.set("role", tensor.role);
    row.set("dtype", to_string(tensor.dtype));
    Tree& shape = row.set("shape", Tree::array());
    for (const std::uint64_t dim : tensor.shape)
        shape.push_back(dim);
    row.set("bytes", tensor.byte_count());
    if (const auto* extent = std::get_if<Extent>(&tensor.storage.layout); extent && extent->length != 0) {
        row.set("offset", extent->offset);
    }
    if (!tensor.alias_of.empty()) row.set("alias_of", tensor.alias_of);
    return row;
}

void print_json(const Archive& archive, const std::vector<std::size_t>& positions) {
    const auto quoted = [](std::string_view text) { return json::write(Tree(text)); };
    fmt::memory_buffer out;
    fmt::format_to(std::back_inserter(out),
                   "{{\"schema\": 1, \"path\": {}, \"format\": {}, \"kind\": {}, \"producer\": {},\n",
                   quoted(archive.location().display()), quoted(archive.format().id), quoted(archive.kind()),
                   json::write(producer_tree(archive)));
    fmt::format_to(std::back_inserter(out), " \"tensors\": [");
    bool first = true;
    for (const std::size_t position : positions) {
        fmt::format_to(std::back_inserter(out), "{}\n  {}", first ? "" : ",",
                       json::write(tensor_tree(archive.index().tensors()[position])));
        first = false;
        flush_when_large(out);
    }
    Tree metadata = archive.metadata();
    if (!archive.model().config.is_null()) metadata.set("config", archive.model().config);
    if (!archive.model().training_config.is_null())
        metadata.set("training_config", archive.model().training_config);
    fmt::format_to(std::back_inserter(out), "],\n \"total_bytes\": {}, \"metadata\": {}}}\n",
                   archive.index().total_bytes(), json::write(metadata));
    flush(out);
}

/// Columns as wide as their widest cell, within reason.
struct Widths {
    std::size_t name = 4, dtype = 5, shape = 5;
};

Widths widths_of(const Archive& archive, const std::vector<std::size_t>& positions) {
    constexpr std::size_t widest = 60;
    Widths widths;
    for (const std::size_t position : positions) {
        const TensorInfo& tensor = archive.index().tensors()[position];
        widths.name = std::max(widths.name, std::min(widest, tensor.name.size()));
        widths.dtype = std::max(widths.dtype, to_string(tensor.dtype).size());
        widths.shape = std::max(widths.shape, std::min(widest / 2, tensor.shape.to_string().size()));
    }
    return widths;
}

void print_heading(const Archive& archive, fmt::memory_buffer& out) {
    const FormatInfo& format = archive.format();
    fmt::format_to(std::back_inserter(out), "{}\n  format    {} ({})\n", escape(archive.location().display()),
                   format.id, archive.kind());
    if (const std::string producer = producer_of(archive); !producer.empty()) {
        fmt::format_to(std::back_inserter(out), "  producer  {}\n", escape(producer));
    }
    for (const Tree::Member& member : archive.metadata().members()) {
        if (!member.second.is_string() || member.second.as_string().size() > 200) continue;
        if (member.first == "keras_version" || member.first == "backend" || member.first == "flavor")
            continue;
        fmt::format_to(std::back_inserter(out), "  {:<9} {}\n", escape(member.first),
                       escape(member.second.as_string()));
    }
}

void print_table(const Archive& archive, const std::vector<std::size_t>& positions) {
    fmt::memory_buffer out;
    print_heading(archive, out);
    const Widths widths = widths_of(archive, positions);
    if (!positions.empty()) {
        fmt::format_to(std::back_inserter(out), "\n  {:<{}}  {:<{}}  {:<{}}  {:>9}  {}\n", "name",
                       widths.name, "dtype", widths.dtype, "shape", widths.shape, "size", "stored as");
    }
    for (const std::size_t position : positions) {
        const TensorInfo& tensor = archive.index().tensors()[position];
        fmt::format_to(std::back_inserter(out), "  {:<{}}  {:<{}}  {:<{}}  {:>9}  {}{}\n",
                       escape(tensor.name), widths.name, to_string(tensor.dtype), widths.dtype,
                       tensor.shape.to_string(), widths.shape, human_size(tensor.byte_count()),
                       escape(tensor.stored_name),
                       tensor.alias_of.empty() ? "" : "  = " + escape(tensor.alias_of));
        flush_when_large(out);
    }
    std::size_t optimizer = 0;
    for (const TensorInfo& tensor : archive.index().tensors())
        optimizer += tensor.part == Part::optimizer ? 1 : 0;
    fmt::format_to(std::back_inserter(out), "\n{} tensors, {}", archive.index().size(),
                   human_size(archive.index().total_bytes()));
    if (optimizer != 0) fmt::format_to(std::back_inserter(out), " ({} of the optimizer)", optimizer);
    if (positions.size() != archive.index().size())
        fmt::format_to(std::back_inserter(out), "; {} shown", positions.size());
    fmt::format_to(std::back_inserter(out), "\n");
    flush(out);
}

int run(const Options& options) {
    OpenOptions open_options;
    open_options.format = options.from;
    const auto archive = open(std::filesystem::path(options.path), open_options);
    for (const std::string& warning : archive->warnings())
        print_warning(warning);
    for (const Error& problem : archive->problems())
        print_warning(problem.what());
    const std::vector<std::size_t> positions = selected(archive->index(), options.globs);
    options.json ? print_json(*archive, positions) : print_table(*archive, positions);
    if (std::fflush(stdout) != 0) throw Error(ErrorCode::write_failed, "standard output cannot be written");
    return exit_ok;
}

}  // namespace

Command add_inspect(CLI::App& app) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("inspect", "Lists what a file holds: format, producer, tensors");
    command->add_option("PATH", options->path, "The file")->required();
    command->add_option("GLOB", options->globs, "Show only tensors whose stored or canonical name matches");
    command->add_option("--from", options->from, "The file's format, when its content does not tell");
    command->add_flag("--json", options->json, "One JSON document with \"schema\": 1 on standard output");
    return {command, [options] { return run(*options); }};
}

}  // namespace ballast::tool
