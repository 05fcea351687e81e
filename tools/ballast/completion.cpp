// SPDX-License-Identifier: Apache-2.0
// ballast completion: scripts for bash, zsh and fish, made from the option tables.
#include <algorithm>
#include <memory>

#include "cli.h"
#include "describe.h"
#include "output.h"

namespace ballast::tool {
namespace {

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
    std::string text;
    for (const std::string& word : words)
        text += (text.empty() ? "" : std::string(separator)) + word;
    return text;
}

/// Inside single quotes of any of the three shells.
std::string quoted(std::string_view text, std::string_view quote_as) {
    std::string result;
    for (const char c : text) {
        if (c == '\'')
            result += quote_as;
        else
            result += c;
    }
    return result;
}

std::vector<std::string> names_of(const std::vector<CommandInfo>& commands) {
    std::vector<std::string> names;
    for (const CommandInfo& command : commands)
        names.push_back(command.name);
    return names;
}

std::string all_names(const CommandInfo& command) {
    std::string text;
    for (const OptionInfo& option : command.options)
        if (!option.positional) text += (text.empty() ? "" : " ") + joined(option.names, " ");
    return text;
}

/// The listed values of a command's positionals.
std::vector<std::string> positional_choices(const CommandInfo& command) {
    std::vector<std::string> choices;
    for (const OptionInfo& option : command.options)
        if (option.positional) choices.insert(choices.end(), option.choices.begin(), option.choices.end());
    return choices;
}

// ---- bash: what is not completed here falls back to file names

void bash_command(const CommandInfo& command, Output& out) {
    out.print("    {})\n        case $prev in\n", command.name);
    for (const OptionInfo& option : command.options) {
        if (option.positional || option.value.empty()) continue;
        const std::string pattern = joined(option.names, "|");
        if (!option.choices.empty())
            out.print("        {}) COMPREPLY=($(compgen -W '{}' -- \"$cur\")); return ;;\n", pattern,
                      joined(option.choices, " "));
        else
            out.print("        {}) return ;;\n", pattern);
    }
    out.print("        esac\n        options='{}'\n", all_names(command));
    if (const auto choices = positional_choices(command); !choices.empty())
        out.print("        words='{}'\n", joined(choices, " "));
    out.write("        ;;\n");
}

void print_bash(const CommandInfo& program, const std::vector<CommandInfo>& commands, Output& out) {
    out.write(
        "# bash completion of ballast, made by `ballast completion bash`.\n"
        "_ballast() {\n"
        "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command= options= words= "
        "i\n"
        "    COMPREPLY=()\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        case ${COMP_WORDS[i]} in\n"
        "        -*) ;;\n"
        "        *) command=${COMP_WORDS[i]}; break ;;\n"
        "        esac\n"
        "    done\n"
        "    case $command in\n");
    out.print("    '')\n        options='{}'\n        words='{}'\n        ;;\n", all_names(program),
              joined(names_of(commands), " "));
    for (const CommandInfo& command : commands)
        bash_command(command, out);
    out.write(
        "    esac\n"
        "    if [[ $cur == -* ]]; then\n"
        "        COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
        "    elif [[ -n $words ]]; then\n"
        "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
        "    fi\n"
        "}\n"
        "complete -o default -o bashdefault -F _ballast ballast\n");
}

// ---- zsh

/// Text in a specification of _arguments: ':' and brackets end it.
std::string zsh_text(std::string_view text) {
    std::string result;
    for (const char c : quoted(text, "'\\''")) {
        if (c == ':' || c == '[' || c == ']' || c == '`') result += '\\';
        result += c;
    }
    return result;
}

std::string zsh_action(const OptionInfo& option) {
    if (!option.choices.empty()) return "(" + joined(option.choices, " ") + ")";
    if (option.value == "DIR") return "_files -/";
    return option.value == "FILE" || option.value.empty() ? "_files" : " ";
}

void zsh_option(const OptionInfo& option, Output& out) {
    const std::string value = option.value.empty() ? "" : ":" + option.value + ":" + zsh_action(option);
    if (option.positional) {
        out.print(" \\\n            '{}:{}:{}'", option.repeated ? "*" : "", option.names.front(),
                  zsh_action(option));
        return;
    }
    const std::string others = "(" + joined(option.names, " ") + ")";
    for (const std::string& name : option.names)
        out.print(" \\\n            '{}{}[{}]{}'", others, name, zsh_text(option.help), value);
}

void print_zsh(const CommandInfo& program, const std::vector<CommandInfo>& commands, Output& out) {
    out.write(
        "#compdef ballast\n"
        "# zsh completion of ballast, made by `ballast completion zsh`.\n"
        "_ballast() {\n"
        "    local curcontext=$curcontext state line\n"
        "    local -a commands\n"
        "    commands=(\n");
    for (const CommandInfo& command : commands)
        out.print("        '{}:{}'\n", command.name, zsh_text(command.title));
    out.write("    )\n    _arguments -C");
    for (const OptionInfo& option : program.options)
        zsh_option(option, out);
    out.write(
        " \\\n            '1:command:->command' '*::argument:->argument'\n"
        "    case $state in\n"
        "    command) _describe command commands; _files ;;\n"
        "    argument)\n"
        "        case $line[1] in\n");
    for (const CommandInfo& command : commands) {
        out.print("        {})\n            _arguments", command.name);
        for (const OptionInfo& option : command.options)
            zsh_option(option, out);
        out.write("\n            ;;\n");
    }
    out.write(
        "        *) _files ;;\n"
        "        esac\n"
        "        ;;\n"
        "    esac\n"
        "}\n"
        "if [ \"$funcstack[1]\" = _ballast ]; then _ballast \"$@\"; else compdef _ballast ballast; fi\n");
}

// ---- fish

std::string fish_text(std::string_view text) {
    return quoted(text, "\\'");
}

void fish_option(const OptionInfo& option, const std::string& condition, Output& out) {
    if (option.positional) {
        if (!option.choices.empty())
            out.print("complete -c ballast -n '{}' -f -a '{}'\n", condition, joined(option.choices, " "));
        return;
    }
    out.print("complete -c ballast -n '{}'", condition);
    for (const std::string& name : option.names)
        name.starts_with("--") ? out.print(" -l {}", name.substr(2)) : out.print(" -s {}", name.substr(1));
    if (!option.choices.empty())
        out.print(" -x -a '{}'", joined(option.choices, " "));
    else if (!option.value.empty())
        out.write(option.value == "FILE" || option.value == "DIR" ? " -r -F" : " -x");
    out.print(" -d '{}'\n", fish_text(option.help));
}

void print_fish(const CommandInfo& program, const std::vector<CommandInfo>& commands, Output& out) {
    out.write("# fish completion of ballast, made by `ballast completion fish`.\n");
    for (const OptionInfo& option : program.options)
        fish_option(option, "__fish_use_subcommand", out);
    for (const CommandInfo& command : commands)
        out.print("complete -c ballast -n __fish_use_subcommand -a {} -d '{}'\n", command.name,
                  fish_text(command.title));
    for (const CommandInfo& command : commands)
        for (const OptionInfo& option : command.options)
            fish_option(option, "__fish_seen_subcommand_from " + command.name, out);
}

int run(const Arguments& arguments, const std::string& shell) {
    const CommandInfo program = describe(arguments);
    const std::vector<CommandInfo> commands = describe_commands(arguments);
    Output out;
    if (shell == "bash")
        print_bash(program, commands, out);
    else if (shell == "zsh")
        print_zsh(program, commands, out);
    else
        print_fish(program, commands, out);
    out.flush();
    return exit_ok;
}

}  // namespace

Command add_completion(Arguments program) {
    auto shell = std::make_shared<std::string>();
    Arguments command = program.command("completion", "Prints a completion script for a shell");
    command.option("SHELL", *shell, "bash, zsh or fish").required().one_of({"bash", "zsh", "fish"});
    command.notes(R"(An installed Ballast has its completions in place already. For a shell to use them
from a build:

Examples:
  source <(ballast completion bash)
  ballast completion zsh > ~/.zfunc/_ballast
  ballast completion fish > ~/.config/fish/completions/ballast.fish)");
    return {command, [program, shell] { return run(program, *shell); }};
}

}  // namespace ballast::tool
