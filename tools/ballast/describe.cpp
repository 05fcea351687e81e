// SPDX-License-Identifier: Apache-2.0
// The command line as data, see describe.h.
#include "describe.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "ballast/registry.h"
#include "core/text.h"

namespace ballast::tool {
namespace {

/// CLI11 writes "TYPE:{a,b}" for a value that must be one of a list.
std::vector<std::string> choices_of(const std::string& type) {
    const std::size_t open = type.find('{'), close = type.rfind('}');
    if (open == std::string::npos || close == std::string::npos || close < open) return {};
    std::vector<std::string> choices;
    for (const std::string_view word : split(std::string_view(type).substr(open + 1, close - open - 1), ','))
        choices.emplace_back(word);
    std::sort(choices.begin(), choices.end());
    return choices;
}

std::vector<std::string> format_ids() {
    std::vector<std::string> ids;
    for (const FormatInfo* info : Registry::current().infos())
        ids.emplace_back(info->id);
    return ids;
}

OptionInfo describe(const CLI::Option& option) {
    OptionInfo info;
    info.help = option.get_description();
    info.required = option.get_required();
    info.positional = option.get_positional();
    if (info.positional) {
        info.names = {option.get_name(true)};
        info.repeated = option.get_expected_max() > 1;
    } else {
        for (const std::string& name : option.get_snames())
            info.names.push_back("-" + name);
        for (const std::string& name : option.get_lnames())
            info.names.push_back("--" + name);
    }
    if (option.get_type_size() == 0) return info;
    const std::string type = option.get_type_name();
    info.value = type.substr(0, type.find(':'));
    info.choices = info.value == "ID" ? format_ids() : choices_of(type);
    if (info.value == "TEXT") info.value = "VALUE";
    return info;
}

CommandInfo describe(const CLI::App& app) {
    CommandInfo info{app.get_name(), app.get_description(), app.get_footer(), {}};
    for (const CLI::Option* option : app.get_options())
        info.options.push_back(describe(*option));
    return info;
}

}  // namespace

CommandInfo describe(const Arguments& program) {
    return describe(program.app());
}

std::vector<CommandInfo> describe_commands(const Arguments& program) {
    std::vector<CommandInfo> commands;
    for (const CLI::App* command : program.app().get_subcommands([](const CLI::App*) { return true; }))
        if (!command->get_group().empty()) commands.push_back(describe(*command));
    return commands;
}

}  // namespace ballast::tool
