// SPDX-License-Identifier: Apache-2.0
// Maps: parsing and applying `old -> new` rules.
#include "model/map_rules.h"

#include <algorithm>

#include "ballast/error.h"
#include "core/text.h"

namespace ballast {
namespace {

constexpr std::string_view arrow = "->";
constexpr std::size_t most_stars = 9;

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r";
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::size_t stars(std::string_view text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '*'));
}

/// The highest N of the "$N" in a text.
std::size_t highest_capture(std::string_view text) {
    std::size_t highest = 0;
    for (std::size_t at = text.find('$'); at != std::string_view::npos; at = text.find('$', at + 1)) {
        if (at + 1 < text.size() && text[at + 1] >= '1' && text[at + 1] <= '9')
            highest = std::max(highest, static_cast<std::size_t>(text[at + 1] - '0'));
    }
    return highest;
}

MapRule parse_line(std::string_view line, std::string_view where, std::size_t number) {
    const auto error = [&](std::string message) {
        return Error(ErrorCode::invalid_argument,
                     "line " + std::to_string(number) + ": " + std::move(message))
            .in(where)
            .hint(
                "a line of a map reads: old -> new, with * for any text and $1, $2, … for what the stars "
                "took");
    };
    const std::size_t at = line.find(arrow);
    if (at == std::string_view::npos) throw error("no '->'");
    const std::string_view from = trimmed(line.substr(0, at)), to = trimmed(line.substr(at + arrow.size()));
    if (from.empty() || to.empty()) throw error("a name is missing");
    if (stars(from) > most_stars) throw error("more than nine stars");
    if (highest_capture(to) > stars(from))
        throw error("the new name uses a capture the old name has no star for");
    return {std::string(from), std::string(to)};
}

/// What each star of `pattern` takes in `name`; false when it does not fit. Backtracks to the last star
/// alone, which suffices for patterns of this kind.
bool capture(std::string_view pattern, std::string_view name, std::vector<std::string_view>& taken) {
    const std::vector<std::string_view> parts = split(pattern, '*');
    if (parts.size() == 1) return pattern == name;
    const std::string_view last = parts.back();
    if (!name.starts_with(parts.front()) || name.size() < parts.front().size() + last.size() ||
        !name.ends_with(last))
        return false;
    const std::size_t end = name.size() - last.size();
    std::size_t at = parts.front().size();
    for (std::size_t i = 1; i + 1 < parts.size(); ++i) {
        const std::size_t found = name.find(parts[i], at);
        if (found == std::string_view::npos || found + parts[i].size() > end) return false;
        taken.push_back(name.substr(at, found - at));
        at = found + parts[i].size();
    }
    taken.push_back(name.substr(at, end - at));
    return true;
}

}  // namespace

std::vector<MapRule> parse_map(std::string_view text, std::string_view where) {
    std::vector<MapRule> rules;
    std::size_t number = 0;
    for (const std::string_view raw : split(text, '\n')) {
        ++number;
        const std::string_view line = trimmed(raw);
        if (!line.empty() && line.front() != '#') rules.push_back(parse_line(line, where, number));
    }
    return rules;
}

std::optional<std::string> apply_rule(const MapRule& rule, std::string_view name) {
    std::vector<std::string_view> taken;
    if (!capture(rule.from, name, taken)) return std::nullopt;
    std::string result;
    for (std::size_t i = 0; i < rule.to.size(); ++i) {
        const bool is_capture =
            rule.to[i] == '$' && i + 1 < rule.to.size() && rule.to[i + 1] >= '1' && rule.to[i + 1] <= '9';
        if (is_capture) {
            const auto index = static_cast<std::size_t>(rule.to[++i] - '1');
            if (index < taken.size()) result += taken[index];
        } else {
            result += rule.to[i];
        }
    }
    return result;
}

std::optional<std::string> mapped_name(const std::vector<MapRule>& rules, std::string_view stored,
                                       std::string_view canonical) {
    for (const MapRule& rule : rules) {
        if (auto name = apply_rule(rule, stored)) return name;
        if (auto name = apply_rule(rule, canonical)) return name;
    }
    return std::nullopt;
}

void check_rules(const std::vector<MapRule>& rules,
                 const std::vector<std::pair<std::string, std::string>>& names) {
    for (const MapRule& rule : rules) {
        const bool fits = std::any_of(names.begin(), names.end(), [&](const auto& name) {
            return apply_rule(rule, name.first) || apply_rule(rule, name.second);
        });
        if (fits) continue;
        throw Error(ErrorCode::name_not_found,
                    "the map's rule '" + rule.from + " -> " + rule.to + "' fits no tensor of the source")
            .hint("list the names with `ballast inspect`; a rule takes stored or canonical names");
    }
}

}  // namespace ballast
