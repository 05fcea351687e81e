// SPDX-License-Identifier: Apache-2.0
// The command line as the subcommands declare it, see arguments.h.
#include "arguments.h"

#include <CLI/CLI.hpp>

namespace ballast::tool {

Argument& Argument::required() {
    option_->required();
    return *this;
}

Argument& Argument::value(const char* kind) {
    option_->type_name(kind);
    return *this;
}

Argument& Argument::one_of(std::initializer_list<const char*> values) {
    option_->check(CLI::IsMember(std::vector<std::string>(values.begin(), values.end())));
    return *this;
}

Argument& Argument::between(unsigned least, unsigned most) {
    option_->check(CLI::Range(least, most));
    return *this;
}

Argument& Argument::not_negative() {
    option_->check(CLI::NonNegativeNumber);
    return *this;
}

Argument& Argument::at_least(int words) {
    option_->expected(words, -1);
    return *this;
}

Argument& Argument::one_word_each() {
    option_->allow_extra_args(false);
    return *this;
}

Argument& Argument::excludes(const Argument& other) {
    option_->excludes(other.option_);
    return *this;
}

Arguments Arguments::command(const char* name, const char* title) {
    return Arguments(*app_->add_subcommand(name, title));
}

Argument Arguments::option(const char* names, std::string& value, const char* help) {
    return Argument(*app_->add_option(names, value, help));
}

Argument Arguments::option(const char* names, std::vector<std::string>& values, const char* help) {
    return Argument(*app_->add_option(names, values, help));
}

Argument Arguments::option(const char* names, unsigned& value, const char* help) {
    return Argument(*app_->add_option(names, value, help));
}

Argument Arguments::option(const char* names, std::optional<double>& value, const char* help) {
    return Argument(*app_->add_option(names, value, help));
}

Argument Arguments::flag(const char* names, bool& value, const char* help) {
    return Argument(*app_->add_flag(names, value, help));
}

Argument Arguments::flag(const char* names, std::function<void()> seen, const char* help) {
    return Argument(*app_->add_flag_callback(names, std::move(seen), help));
}

Argument Arguments::option(const char* names, std::function<void(const std::vector<std::string>&)> seen,
                           const char* help) {
    CLI::Option* option = app_->add_option_function<std::vector<std::string>>(names, std::move(seen), help);
    return Argument(*option->expected(1)->take_all());
}

void Arguments::notes(const std::string& text) {
    app_->footer(text);
}

void Arguments::hide() {
    app_->group("");
}

}  // namespace ballast::tool
