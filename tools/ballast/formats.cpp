// SPDX-License-Identifier: Apache-2.0
// ballast formats: every format Ballast knows, from the descriptors of the plugins.
#include <algorithm>
#include <memory>

#include "cli.h"
#include "container/json/json.h"
#include "output.h"

namespace ballast::tool {
namespace {

bool built_in(const FormatInfo& info) {
    const auto formats = Registry::builtin().formats();
    return std::any_of(formats.begin(), formats.end(),
                       [&](const Format* format) { return &format->info() == &info; });
}

/// The plugin a format came from; null when it is Ballast's own.
const LoadedPlugin* plugin_of(const FormatInfo& info) {
    for (const LoadedPlugin& plugin : Registry::current().plugins())
        if (plugin.format == &info) return &plugin;
    return nullptr;
}

/// What is odd about where a format is, for the table.
std::string origin(const FormatInfo& info) {
    if (const LoadedPlugin* plugin = plugin_of(info))
        return " (plugin " + plugin->version + ", " + plugin->path.string() + ")";
    return built_in(info) ? "" : " (left out of this build)";
}

std::string joined(std::span<const std::string_view> words) {
    std::string text;
    for (const std::string_view word : words)
        text += (text.empty() ? "" : " ") + std::string(word);
    return text;
}

Tree tree_of(const FormatInfo& info) {
    const auto list = [](std::span<const std::string_view> words) {
        Tree items = Tree::array();
        for (const std::string_view word : words)
            items.push_back(word);
        return items;
    };
    Tree row = Tree::object();
    row.set("id", info.id);
    row.set("title", info.title);
    row.set("aliases", list(info.aliases));
    row.set("extensions", list(info.extensions));
    row.set("read", info.can.read);
    row.set("write", info.can.write);
    row.set("built_in", built_in(info));
    if (const LoadedPlugin* plugin = plugin_of(info)) {
        Tree& from = row.set("plugin", Tree::object());
        from.set("path", plugin->path.string());
        from.set("version", plugin->version);
    }
    Tree& flavors = row.set("flavors", Tree::array());
    for (const Flavor& flavor : info.flavors) {
        Tree& entry = flavors.push_back(Tree::object());
        entry.set("name", flavor.name);
        Tree& dtypes = entry.set("dtypes", Tree::array());
        for (const DType dtype : flavor.dtypes)
            dtypes.push_back(to_string(dtype));
    }
    return row;
}

int run(bool as_json) {
    Output out;
    if (as_json) {
        Tree document = Tree::object();
        document.set("schema", 1);
        Tree& list = document.set("formats", Tree::array());
        for (const FormatInfo* info : Registry::current().infos())
            list.push_back(tree_of(*info));
        out.print("{}\n", json::write(document, 1));
        out.flush();
        return exit_ok;
    }
    out.print("{:<13} {:<6} {:<22} {:<12} {}\n", "format", "", "suffixes", "also called", "");
    for (const FormatInfo* info : Registry::current().infos()) {
        const std::string ways = std::string(info->can.read ? "r" : "-") + (info->can.write ? "w" : "-");
        out.print("{:<13} {:<6} {:<22} {:<12} {}{}\n", info->id, ways, joined(info->extensions),
                  joined(info->aliases), info->title, origin(*info));
    }
    out.flush();
    return exit_ok;
}

}  // namespace

Command add_formats(Arguments program) {
    auto as_json = std::make_shared<bool>(false);
    Arguments command =
        program.command("formats", "Lists the formats, their suffixes and what can be done with them");
    command.flag("--json", *as_json, "One JSON document with \"schema\": 1 on standard output");
    return {command, [as_json] {
                const int code = run(*as_json);
                if (std::fflush(stdout) != 0)
                    throw Error(ErrorCode::write_failed, "standard output cannot be written")
                        .hint("make room, or send the output elsewhere");
                return code;
            }};
}

}  // namespace ballast::tool
