// SPDX-License-Identifier: Apache-2.0
// Options of the tool and members of option structs, see option_names.h.
#include "core/option_names.h"

#include <array>

namespace ballast {
namespace {

constexpr std::string_view begin = " (in C++: ", end = ")";

struct OptionName {
    std::string_view option, member;
};

constexpr std::array<OptionName, 18> names = {{
    {"--allow-loss", "ConvertOptions::allow_loss"},
    {"--compress", "SaveOptions::compression"},
    {"--config", "ConvertOptions::config, OpenOptions::config or LoadWeightsOptions::config"},
    {"--dtype", "ConvertOptions::dtype"},
    {"--exclude", "ConvertOptions::exclude"},
    {"--flavor", "SaveOptions::flavor"},
    {"--from", "OpenOptions::format"},
    {"--from-backend", "ConvertOptions::from_backend"},
    {"--include", "ConvertOptions::include"},
    {"--like", "ConvertOptions::like"},
    {"--map", "AlignOptions::map"},
    {"--match", "AlignOptions::match"},
    {"--max-shard-size", "SaveOptions::max_shard_size"},
    {"--skip-mismatch", "AlignOptions::skip_mismatch"},
    {"--to", "ConvertOptions::to"},
    {"--trusted", "OpenOptions::limits"},
    {"--weights-only", "SaveOptions::weights_only"},
    {"--without-optimizer", "SaveOptions::include_optimizer = false"},
}};

bool is_of_name(char letter) {
    return letter == '-' || (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9');
}

/// Whether the text has the option, and not a longer one that begins so.
bool mentions(std::string_view text, std::string_view option) {
    for (std::size_t at = text.find(option); at != std::string_view::npos; at = text.find(option, at + 1)) {
        const std::size_t after = at + option.size();
        if (after == text.size() || !is_of_name(text[after])) return true;
    }
    return false;
}

}  // namespace

std::string with_members(std::string_view hint) {
    std::string result(hint);
    if (hint.find("--") == std::string_view::npos || hint.find(begin) != std::string_view::npos)
        return result;
    std::string_view before = begin;
    for (const OptionName& name : names) {
        if (!mentions(hint, name.option)) continue;
        result.append(before).append(name.option).append(" is ").append(name.member);
        before = "; ";
    }
    if (result.size() != hint.size()) result += end;
    return result;
}

std::string_view for_tool(std::string_view hint) noexcept {
    return hint.substr(0, hint.find(begin));
}

}  // namespace ballast
