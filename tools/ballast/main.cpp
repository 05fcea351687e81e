// SPDX-License-Identifier: Apache-2.0
// The tool `ballast`: parsing the command line and dispatching to subcommands.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#if defined(__linux__)
#include <malloc.h>
#endif

#include "cli.h"
#include "output.h"

namespace {

using namespace ballast;

/// A word that could be meant as a path: it is there, or is written like one.
bool looks_like_path(const std::string& word) {
    std::error_code ignored;
    return word.find_first_of("./") != std::string::npos || std::filesystem::exists(word, ignored);
}

/// `ballast FILE` is `ballast inspect FILE`: a first word that is no subcommand and no option may name a
/// file.
std::vector<std::string> with_command(int argc, char** argv, const CLI::App& app) {
    std::vector<std::string> words(argv + 1, argv + argc);
    if (words.empty() || words.front().empty() || words.front().front() == '-') return words;
    const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
    const bool known = std::any_of(commands.begin(), commands.end(), [&](const CLI::App* command) {
        return command->check_name(words.front());
    });
    if (known) return words;
    if (!looks_like_path(words.front())) {
        throw Error(ErrorCode::invalid_argument, "'" + words.front() + "' is neither a command nor a file")
            .hint("ballast --help lists the commands");
    }
    words.insert(words.begin(), "inspect");
    return words;
}

/// Large blocks go back to the system when they are freed. glibc would raise the threshold with every block
/// that is, and keep the memory of a file's structure after it has been turned into an index.
void give_memory_back() {
#ifdef __GLIBC__
    constexpr int large = 1 << 20;
    mallopt(M_MMAP_THRESHOLD, large);
#endif
}

int run(const std::vector<tool::Command>& commands) {
    for (const tool::Command& command : commands) {
        if (command.arguments.app().parsed()) return command.body();
    }
    return tool::exit_usage;
}

}  // namespace

int main(int argc, char** argv) {
    give_memory_back();
    CLI::App app{"Reads, writes, converts and migrates Keras and TensorFlow weights and models.", "ballast"};
    app.set_version_flag("--version", std::string("ballast ") + version());
    app.require_subcommand(1);
    app.footer("`ballast FILE` is `ballast inspect FILE`.");
    const tool::Arguments program(app);
    const std::vector<tool::Command> commands = {
        tool::add_inspect(program),    tool::add_cat(program),     tool::add_diff(program),
        tool::add_convert(program),    tool::add_migrate(program), tool::add_edit(program),
        tool::add_latest(program),     tool::add_pack(program),    tool::add_unpack(program),
        tool::add_scan(program),       tool::add_verify(program),  tool::add_formats(program),
        tool::add_completion(program), tool::add_man(program)};
    for (const tool::Command& command : commands)
        if (const std::string name = command.arguments.app().get_name();
            name != "completion" && name != "man")
            tool::add_plugin_option(command.arguments);
    try {
        std::vector<std::string> words = with_command(argc, argv, app);
        std::reverse(words.begin(), words.end());  // CLI11 takes them from the end
        app.parse(words);
    } catch (const Error& error) {
        tool::print_error(error);
        return tool::exit_code_of(error);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? tool::exit_ok : tool::exit_usage;
    }
    tool::catch_signals();
    try {
        return run(commands);
    } catch (const tool::ClosedPipe&) {
        return tool::exit_closed_pipe;
    } catch (const Error& error) {
        tool::print_error(error);
        return tool::exit_code_of(error);
    } catch (const std::bad_alloc&) {
        tool::print_error(Error(ErrorCode::out_of_memory, "not enough memory"));
        return tool::exit_internal;
    } catch (const std::exception& error) {
        tool::print_error(Error(ErrorCode::internal, error.what()));
        return tool::exit_internal;
    }
}
