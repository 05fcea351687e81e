// SPDX-License-Identifier: Apache-2.0
// What the subcommands share: exit codes, the terminal, signals, messages. The tool is single-threaded apart
// from the library's own workers.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "arguments.h"
#include "ballast/ballast.h"

namespace ballast::tool {

/// Exit codes (DESIGN §10).
enum Exit : int {
    exit_ok = 0,
    exit_differs = 1,
    exit_usage = 2,
    exit_unreadable = 3,
    exit_damaged = 4,
    exit_output = 5,
    exit_refused = 6,
    exit_internal = 70,
    exit_closed_pipe = 141,  ///< as of a program that SIGPIPE ended
};

/// The exit code for an error; after a signal 128 + its number.
int exit_code_of(const Error& error);

/// Prints "ballast: …" and the hint to stderr.
void print_error(const Error& error);
/// Prints "ballast: warning: …" to stderr.
void print_warning(std::string_view text);

/// A subcommand registers its options and gets its body called after parsing; the body returns the exit code.
using Body = std::function<int()>;
struct Command {
    Arguments arguments;
    Body body;
};
Command add_inspect(Arguments program);
Command add_cat(Arguments program);
Command add_diff(Arguments program);
Command add_convert(Arguments program);
Command add_edit(Arguments program);
Command add_latest(Arguments program);
Command add_pack(Arguments program);
Command add_unpack(Arguments program);
Command add_migrate(Arguments program);
Command add_scan(Arguments program);
Command add_verify(Arguments program);
Command add_formats(Arguments program);
Command add_completion(Arguments program);
Command add_man(Arguments program);

/// Opens a file and prints what is odd about it. `from` is a format id, `config` a file with an architecture;
/// either may be empty.
std::shared_ptr<Archive> open_source(const std::string& path, const std::string& from,
                                     const std::string& config);
/// A path to write to; a missing folder is an output error.
Location destination_of(const std::filesystem::path& path);
/// Allowed with --overwrite, else asked for on a terminal and refused without one.
Overwrite overwrite_of(bool force);

// Options of several commands.
void add_source_options(Arguments command, std::string& from, std::string& config);
void add_jobs_option(Arguments command, unsigned& threads);
/// --plugin-dir: its plugins are loaded while the command line is parsed.
void add_plugin_option(Arguments command);

/// Catches SIGINT and SIGTERM: the first sets a flag that interrupted() reports, a second one kills at once.
void catch_signals();
bool interrupted();
/// The caught signal's number, 0 when none.
int caught_signal();

bool stdout_is_terminal();
bool stderr_is_terminal();
bool stdin_is_terminal();

/// Asks on the terminal whether to replace `path`: y or n; end of input counts as n.
bool ask_overwrite(const std::string& path);

/// A bar on stderr, drawn at most ten times a second; nothing when stderr is no terminal.
class ProgressBar {
public:
    explicit ProgressBar(bool enabled);
    ~ProgressBar();
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;
    void update(const Progress& progress);
    void clear();

private:
    bool enabled_;
    bool drawn_ = false;
    long long last_ms_ = 0;
};

}  // namespace ballast::tool
