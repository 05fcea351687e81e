// SPDX-License-Identifier: Apache-2.0
// ballast man (not listed): the man pages, made from the option tables when Ballast is built.
#include <algorithm>
#include <array>
#include <memory>

#include "cli.h"
#include "core/text.h"
#include "describe.h"
#include "output.h"

namespace ballast::tool {
namespace {

/// Text that troff prints as it is.
std::string plain(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (c == '\\')
            result += "\\e";
        else if (c == '-')
            result += "\\-";
        else
            result += c;
    }
    if (result.starts_with('.') || result.starts_with('\'')) result.insert(0, "\\&");
    return result;
}

std::string upper(std::string text) {
    for (char& c : text)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return text;
}

void heading(const std::string& name, const std::string& title, Output& out) {
    out.print(".\\\" Made by `ballast man`.\n.TH {} 1 \"\" \"Ballast {}\" \"User Commands\"\n",
              upper(plain(name)), version());
    out.print(".SH NAME\n{} \\- {}\n", plain(name), plain(title));
}

std::string value_text(const OptionInfo& option) {
    if (option.value.empty()) return {};
    // A list of formats would be outdated by the next plugin.
    const bool listed = !option.choices.empty() && option.value != "ID";
    std::string text;
    for (const std::string& choice : option.choices)
        if (listed) text += (text.empty() ? "" : "|") + choice;
    return listed ? "\\fB" + plain(text) + "\\fR" : "\\fI" + plain(option.value) + "\\fR";
}

void synopsis(const CommandInfo& command, Output& out) {
    out.print(".SH SYNOPSIS\n\\fBballast {}\\fR", plain(command.name));
    for (const OptionInfo& option : command.options) {
        if (!option.positional) continue;
        const std::string name = "\\fI" + plain(option.names.front()) + "\\fR" + (option.repeated ? "…" : "");
        out.print(" {}", option.required ? name : "[" + name + "]");
    }
    out.write(" [\\fIoptions\\fR]\n");
}

void options(const CommandInfo& command, Output& out) {
    out.write(".SH OPTIONS\n");
    for (const OptionInfo& option : command.options) {
        std::string names;
        for (const std::string& name : option.names)
            names += (names.empty() ? "" : ", ") +
                     (option.positional ? "\\fI" + plain(name) + "\\fR" : "\\fB" + plain(name) + "\\fR");
        const std::string value = option.positional ? "" : value_text(option);
        out.print(".TP\n{}{}\n{}\n", names, value.empty() ? "" : " " + value, plain(option.help));
    }
}

/// Paragraphs of --help: "Word:" before indented lines is a section, indented lines stay as they are.
void notes(const std::string& text, Output& out) {
    bool in_notes = false;
    std::string_view rest = text;
    while (!rest.empty()) {
        const std::size_t end = rest.find("\n\n");
        std::string_view paragraph = rest.substr(0, end);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 2);
        auto lines = split(paragraph, '\n');
        const bool section = lines.size() > 1 && lines[0].ends_with(':') && lines[1].starts_with("  ");
        if (section) {
            out.print(".SH {}\n", upper(plain(lines[0].substr(0, lines[0].size() - 1))));
            lines.erase(lines.begin());
            in_notes = false;
        } else if (!in_notes) {
            out.write(".SH NOTES\n");
            in_notes = true;
        } else {
            out.write(".PP\n");
        }
        const bool verbatim = std::all_of(lines.begin(), lines.end(),
                                          [](std::string_view line) { return line.starts_with("  "); });
        if (verbatim) out.write(".nf\n");
        for (const std::string_view line : lines)
            out.print("{}\n", plain(verbatim ? line.substr(2) : line));
        if (verbatim) out.write(".fi\n");
    }
}

void command_page(const CommandInfo& command, Output& out) {
    heading("ballast-" + command.name, command.title, out);
    synopsis(command, out);
    options(command, out);
    notes(command.notes, out);
    out.write(".SH SEE ALSO\n\\fBballast\\fR(1)\n");
}

struct Status {
    std::string_view code, meaning;
};
constexpr std::array statuses = {
    Status{"0", "success"},
    Status{"1", "a comparison or check found a difference"},
    Status{"2", "the command line makes no sense, or a name matches nothing"},
    Status{"3", "a file cannot be read or is of no known format"},
    Status{"4", "a file is damaged"},
    Status{"5", "the output cannot be written"},
    Status{"6", "refused: unsafe, ambiguous, lossy, or declined"},
    Status{"70", "a bug in Ballast, or not enough memory"},
    Status{"129, 130, 143", "ended by SIGHUP, SIGINT or SIGTERM; the destination is as it was"},
    Status{"141", "nobody read standard output any more"}};

void program_page(const CommandInfo& program, const std::vector<CommandInfo>& commands, Output& out) {
    heading("ballast", program.title, out);
    out.write(
        ".SH SYNOPSIS\n\\fBballast\\fR \\fICOMMAND\\fR …\n.br\n\\fBballast\\fR \\fIFILE\\fR\n"
        ".SH DESCRIPTION\n"
        "Reads, writes, compares and converts the weights and models of Keras and TensorFlow, without Python "
        "and\n"
        "without running anything a file holds. A file that is written appears whole or not at all.\n"
        "\\fBballast\\fR \\fIFILE\\fR is \\fBballast inspect\\fR \\fIFILE\\fR. Data go to standard output, "
        "all else\n"
        "to standard error.\n"
        ".SH COMMANDS\n");
    for (const CommandInfo& command : commands)
        out.print(".TP\n\\fBballast\\-{}\\fR(1)\n{}\n", plain(command.name), plain(command.title));
    options(program, out);
    out.write(".SH EXIT STATUS\n");
    for (const Status& status : statuses)
        out.print(".TP\n{}\n{}\n", status.code, plain(status.meaning));
}

int run(const Arguments& arguments, const std::string& page) {
    const std::vector<CommandInfo> commands = describe_commands(arguments);
    Output out;
    if (page.empty()) {
        program_page(describe(arguments), commands, out);
    } else {
        const auto command = std::find_if(commands.begin(), commands.end(),
                                          [&](const CommandInfo& known) { return known.name == page; });
        if (command == commands.end())
            throw Error(ErrorCode::invalid_argument, "there is no command '" + page + "'");
        command_page(*command, out);
    }
    out.flush();
    return exit_ok;
}

}  // namespace

Command add_man(Arguments program) {
    auto page = std::make_shared<std::string>();
    Arguments command = program.command("man", "Prints a man page: of the program, or of a command");
    command.option("COMMAND", *page, "A command");
    command.hide();  // for the build: readers have man(1)
    return {command, [program, page] { return run(program, *page); }};
}

}  // namespace ballast::tool
