// SPDX-License-Identifier: Apache-2.0
// Small text helpers, see text.h.
#include "core/text.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace ballast {
namespace {

/// Length of the well-formed UTF-8 sequence at the start of `text`, 0 when there is none. `code` gets its
/// code point.
std::size_t utf8_sequence(std::string_view text, std::uint32_t& code) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned first = byte(0);
    if (first < 0x80) {
        code = first;
        return 1;
    }
    const std::size_t length = first >= 0xf0 && first < 0xf5 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
    if (length == 0 || first >= 0xf5 || text.size() < length) return 0;
    code = first & (0x7fu >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return 0;
        code = code << 6 | (byte(i) & 0x3f);
    }
    static constexpr std::array<std::uint32_t, 5> smallest = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    return code < smallest[length] || code > 0x10ffff || surrogate ? 0 : length;
}

/// Separators of lines and marks that turn the direction of text: a terminal would show a name other than it
/// is.
bool reorders_text(std::uint32_t code) noexcept {
    return (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

/// The digits at the start of `text`, without leading zeros; `text` is moved behind them.
std::string_view take_number(std::string_view& text) noexcept {
    std::size_t end = 0;
    while (end < text.size() && is_digit(text[end]))
        ++end;
    std::string_view digits = text.substr(0, end);
    text.remove_prefix(end);
    while (digits.size() > 1 && digits.front() == '0')
        digits.remove_prefix(1);
    return digits;
}

}  // namespace

std::string escape(std::string_view text) {
    const auto is_plain = [](char c) { return c >= 0x20 && c < 0x7f; };
    if (std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);  // as most names are
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        std::uint32_t code = 0;
        const std::size_t length = utf8_sequence(text, code);
        const bool plain = length != 0 && code >= 0x20 && code != 0x7f && (code < 0x80 || code >= 0xa0);
        if (plain && !reorders_text(code)) {
            result += text.substr(0, length);
            text.remove_prefix(length);
            continue;
        }
        std::array<char, 5> buffer{};
        std::snprintf(buffer.data(), buffer.size(), "\\x%02x", static_cast<unsigned char>(text.front()));
        result += buffer.data();
        text.remove_prefix(1);
    }
    return result;
}

bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        std::uint32_t code = 0;
        const std::size_t length = utf8_sequence(text, code);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

bool natural_less(std::string_view a, std::string_view b) noexcept {
    const std::string_view whole_a = a, whole_b = b;
    // What is common needs no look at single characters, but a number must be compared from its first digit.
    auto common = static_cast<std::size_t>(
        std::mismatch(a.begin(), a.begin() + std::min(a.size(), b.size()), b.begin()).first - a.begin());
    while (common > 0 && is_digit(a[common - 1]))
        --common;
    a.remove_prefix(common);
    b.remove_prefix(common);
    while (!a.empty() && !b.empty()) {
        if (is_digit(a.front()) && is_digit(b.front())) {
            const std::string_view x = take_number(a), y = take_number(b);
            if (x.size() != y.size()) return x.size() < y.size();
            if (x != y) return x < y;
            continue;
        }
        if (a.front() != b.front()) {
            return static_cast<unsigned char>(a.front()) < static_cast<unsigned char>(b.front());
        }
        a.remove_prefix(1);
        b.remove_prefix(1);
    }
    if (a.empty() != b.empty()) return a.empty();
    return whole_a < whole_b;
}

std::string human_size(std::uint64_t bytes) {
    static constexpr std::array units = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 999.5 && unit + 1 < units.size()) {
        value /= 1000;
        ++unit;
    }
    if (unit == 0) return std::to_string(bytes) + " B";
    std::array<char, 32> buffer{};
    std::snprintf(buffer.data(), buffer.size(), value >= 99.95 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return buffer.data();
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (true) {
        const std::size_t end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
    if ((a.size() > b.size() ? a.size() - b.size() : b.size() - a.size()) > limit) return limit + 1;
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t substitution = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitution});
        }
    }
    return std::min(row[b.size()], limit + 1);
}

}  // namespace ballast
