// SPDX-License-Identifier: Apache-2.0
// The terminal: signals, messages, the overwrite question, the progress bar.
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <iostream>

#include "cli.h"
#include "core/option_names.h"
#include "core/text.h"

namespace ballast::tool {
namespace {

volatile std::sig_atomic_t caught = 0;

void on_signal(int number) {
    caught = number;
}

long long now_ms() {
    const auto time = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

}  // namespace

int exit_code_of(const Error& error) {
    switch (error.kind()) {
        case ErrorKind::usage:
            return exit_usage;
        case ErrorKind::unreadable:
            return exit_unreadable;
        case ErrorKind::damaged:
            return exit_damaged;
        case ErrorKind::refused:
            return exit_refused;
        case ErrorKind::output:
            return exit_output;
        case ErrorKind::cancelled:
            return caught ? 128 + caught : exit_refused;
        case ErrorKind::internal:
            return exit_internal;
    }
    return exit_internal;
}

void print_error(const Error& error) {
    std::fprintf(stderr, "ballast: %s\n", error.what());
    if (!error.hint().empty()) std::fprintf(stderr, "  hint: %s\n", escape(for_tool(error.hint())).c_str());
}

void print_warning(std::string_view text) {
    std::fprintf(stderr, "ballast: warning: %s\n", escape(text).c_str());
}

void catch_signals() {
    struct sigaction action = {};
    action.sa_handler = on_signal;
    // A second signal meets the default action: whoever insists is obeyed at once.
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    // A closed terminal; nohup's programs go on.
    struct sigaction hangup = {};
    if (sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        sigaction(SIGHUP, &action, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

bool interrupted() {
    return caught != 0;
}
int caught_signal() {
    return caught;
}
bool stdout_is_terminal() {
    return isatty(STDOUT_FILENO) != 0;
}
bool stderr_is_terminal() {
    return isatty(STDERR_FILENO) != 0;
}
bool stdin_is_terminal() {
    return isatty(STDIN_FILENO) != 0;
}

bool ask_overwrite(const std::string& path) {
    while (!interrupted()) {
        std::fprintf(stderr, "%s already exists - overwrite? [y/n] ", escape(path).c_str());
        std::string answer;
        if (!std::getline(std::cin, answer)) {
            std::fputc('\n', stderr);
            return false;
        }
        if (answer == "y" || answer == "Y") return true;
        if (answer == "n" || answer == "N") return false;
    }
    return false;
}

ProgressBar::ProgressBar(bool enabled) : enabled_(enabled && stderr_is_terminal()) {}
ProgressBar::~ProgressBar() {
    clear();
}

void ProgressBar::update(const Progress& progress) {
    constexpr long long interval_ms = 100;
    constexpr std::size_t width = 30;
    if (!enabled_ || progress.total_bytes == 0 || now_ms() - last_ms_ < interval_ms) return;
    last_ms_ = now_ms();
    drawn_ = true;
    const double share = static_cast<double>(progress.done_bytes) / static_cast<double>(progress.total_bytes);
    const auto full = static_cast<std::size_t>(share * width);
    std::string bar(std::min(full, width), '#');
    bar.resize(width, '.');
    std::fprintf(stderr, "\r[%s] %3.0f %%  %s of %s ", bar.c_str(), share * 100,
                 human_size(progress.done_bytes).c_str(), human_size(progress.total_bytes).c_str());
}

void ProgressBar::clear() {
    if (drawn_) std::fprintf(stderr, "\r%70s\r", "");
    drawn_ = false;
}

}  // namespace ballast::tool
