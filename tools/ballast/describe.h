// SPDX-License-Identifier: Apache-2.0
// The command line as data, read from the tables CLI11 parses with: what --help, the completions and the man
// pages say is the same by construction. Values; one thread.
#pragma once

#include <string>
#include <vector>

#include "arguments.h"

namespace ballast::tool {

struct OptionInfo {
    std::vector<std::string> names;    ///< "-f", "--overwrite"; of a positional its one name: "PATH"
    std::string value;                 ///< what it takes: "FILE", "ID", "N"; empty for a flag
    std::vector<std::string> choices;  ///< all values there are, where they are listed
    std::string help;
    bool positional = false, required = false, repeated = false;
};

struct CommandInfo {
    std::string name, title, notes;  ///< notes: the paragraphs that --help ends with
    std::vector<OptionInfo> options;
};

/// The program itself (name "ballast"): its global options.
CommandInfo describe(const Arguments& program);
/// Its visible commands, in the order of --help.
std::vector<CommandInfo> describe_commands(const Arguments& program);

}  // namespace ballast::tool
