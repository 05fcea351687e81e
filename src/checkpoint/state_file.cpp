// SPDX-License-Identifier: Apache-2.0
// TensorFlow's state file `checkpoint`, see state_file.h.
#include "checkpoint/state_file.h"

#include <algorithm>
#include <string_view>

#include "core/text.h"

namespace ballast {
namespace {

constexpr std::uint64_t most_read = 1 << 20;

bool is_octal(char c) {
    return c >= '0' && c <= '7';
}

/// The text in quotes at the start of `text`, C escapes undone; empty when it does not end.
std::string quoted(std::string_view text) {
    if (text.empty() || (text.front() != '"' && text.front() != '\'')) return {};
    const char quote = text.front();
    std::string result;
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] == quote) return result;
        if (text[i] != '\\' || i + 1 == text.size()) {
            result += text[i];
        } else if (is_octal(text[i + 1])) {
            unsigned code = 0;
            for (std::size_t digits = 0; digits < 3 && i + 1 < text.size() && is_octal(text[i + 1]); ++digits)
                code = code * 8 + static_cast<unsigned>(text[++i] - '0');
            result += static_cast<char>(code);
        } else {
            result += text[++i];
        }
    }
    return {};
}

bool is_plain(std::string_view name) {
    const auto parts = split(name, '/');
    return std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
        return !part.empty() && part != "." && part != ".." && part.find('\0') == std::string_view::npos;
    });
}

}  // namespace

std::string named_in_state_file(const io::Source& source) {
    std::string text(static_cast<std::size_t>(std::min(source.size(), most_read)), '\0');
    source.read_at(0, std::as_writable_bytes(std::span(text)));
    constexpr std::string_view key = "model_checkpoint_path:";
    for (std::string_view line : split(text, '\n')) {
        if (!line.starts_with(key)) continue;
        line.remove_prefix(key.size());
        line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
        std::string name = quoted(line);
        if (!is_plain(name)) name = name.substr(name.rfind('/') + 1);
        return is_plain(name) ? name : std::string();
    }
    return {};
}

}  // namespace ballast
