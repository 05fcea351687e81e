// SPDX-License-Identifier: Apache-2.0
// The command line as the subcommands declare it. CLI11 parses it, and stands behind these two classes
// because its templates take longer to compile than any command: only the files that parse or describe
// include it. Handles on what the program's CLI::App owns: copied freely, valid as long as it. One thread.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace ballast::tool {

/// An option, a flag or a positional, as it is being declared.
class Argument {
public:
    explicit Argument(CLI::Option& option) : option_(&option) {}
    Argument& required();
    /// What its value is, for --help, completions and man pages: FILE, DIR, ID (of a format), …
    Argument& value(const char* kind);
    Argument& one_of(std::initializer_list<const char*> values);
    Argument& between(unsigned least, unsigned most);
    Argument& not_negative();
    /// A positional that takes this many words or more.
    Argument& at_least(int words);
    /// A repeatable option takes one word each time, not all that follow.
    Argument& one_word_each();
    Argument& excludes(const Argument& other);

private:
    CLI::Option* option_;
};

/// The program's command line, or that of one of its commands. What the options are read into must live until
/// the command line has been parsed.
class Arguments {
public:
    explicit Arguments(CLI::App& app) : app_(&app) {}
    Arguments command(const char* name, const char* title);

    /// `names`: "-f,--overwrite", or of a positional its name without dashes: "PATH".
    Argument option(const char* names, std::string& value, const char* help);
    Argument option(const char* names, std::vector<std::string>& values, const char* help);
    Argument option(const char* names, unsigned& value, const char* help);
    Argument option(const char* names, std::optional<double>& value, const char* help);
    Argument flag(const char* names, bool& value, const char* help);
    /// Called while the command line is parsed, where the flag stands.
    Argument flag(const char* names, std::function<void()> seen, const char* help);
    /// A repeatable option, called with all its values while the command line is parsed.
    Argument option(const char* names, std::function<void(const std::vector<std::string>&)> seen,
                    const char* help);

    /// The paragraphs that --help ends with.
    void notes(const std::string& text);
    /// Not listed by --help.
    void hide();

    CLI::App& app() const { return *app_; }

private:
    CLI::App* app_;
};

}  // namespace ballast::tool
