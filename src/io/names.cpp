// SPDX-License-Identifier: Apache-2.0
// Checks names and makes those of temporaries.
#include "io/names.h"

#include <algorithm>
#include <array>
#include <boost/filesystem/operations.hpp>
#include <cstdint>

#include "ballast/error.h"

namespace ballast::io {
namespace {

constexpr std::string_view suffix = ".ballast-tmp";
constexpr std::size_t random_digits = 12;
// Leading dot, dot before the digits, the digits, the suffix.
constexpr std::size_t overhead = 2 + random_digits + suffix.size();

bool is_hex(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool is_continuation_byte(char c) noexcept {
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

/// FNV-1a: tells shortened names apart; needs no strength, a clash only makes two saves look at each other's
/// litter.
std::uint32_t name_hash(std::string_view text) noexcept {
    std::uint32_t hash = 2166136261U;
    for (const char c : text)
        hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    return hash;
}

/// The leaf itself, or its head and a hash of it when the temporary's name would get too long.
std::string stem(std::string_view leaf, std::size_t name_max) {
    const std::size_t room = name_max > overhead ? name_max - overhead : 0;
    if (leaf.size() <= room) return std::string(leaf);
    std::array<char, 10> tag{'~'};
    std::uint32_t hash = name_hash(leaf);
    for (std::size_t i = 8; i > 0; --i, hash >>= 4)
        tag[i] = "0123456789abcdef"[hash & 0xFU];
    std::size_t keep = room > 9 ? room - 9 : 0;
    // Cut between UTF-8 characters: some file systems refuse names that are not valid UTF-8.
    while (keep > 0 && is_continuation_byte(leaf[keep]))
        --keep;
    return std::string(leaf.substr(0, keep)) + std::string(tag.data(), 9);
}

[[noreturn]] void refuse(std::string_view name, std::string_view root) {
    throw Error(ErrorCode::unsafe_name,
                "the name '" + std::string(name) + "' leaves its folder or is no file name")
        .in(root)
        .hint("files named by a model must lie in the model's own folder");
}

}  // namespace

void check_name(std::string_view name, std::string_view root) {
    if (name.empty() || name.find('\0') != std::string_view::npos) refuse(name, root);
    for (std::size_t begin = 0; begin <= name.size();) {
        const std::size_t end = std::min(name.find('/', begin), name.size());
        const std::string_view part = name.substr(begin, end - begin);
        if (part.empty() || part == "." || part == "..") refuse(name, root);
        begin = end + 1;
    }
}

SplitName split_name(std::string_view name) noexcept {
    const std::size_t slash = name.rfind('/');
    if (slash == std::string_view::npos) return {{}, name};
    return {name.substr(0, slash), name.substr(slash + 1)};
}

std::string join_name(std::string_view folder, std::string_view leaf) {
    if (folder.empty()) return std::string(leaf);
    return std::string(folder) + "/" + std::string(leaf);
}

std::string temporary_leaf(std::string_view leaf, std::size_t name_max) {
    const std::string digits = boost::filesystem::unique_path(std::string(random_digits, '%')).string();
    return "." + stem(leaf, name_max) + "." + digits + std::string(suffix);
}

bool is_temporary_of(std::string_view candidate, std::string_view leaf, std::size_t name_max) noexcept {
    if (!candidate.starts_with('.') || !candidate.ends_with(suffix) || candidate.size() < overhead)
        return false;
    candidate.remove_prefix(1);
    candidate.remove_suffix(suffix.size());
    const std::string_view digits = candidate.substr(candidate.size() - random_digits);
    if (!std::all_of(digits.begin(), digits.end(), is_hex)) return false;
    candidate.remove_suffix(random_digits);
    if (!candidate.ends_with('.')) return false;
    candidate.remove_suffix(1);
    return candidate == stem(leaf, name_max);
}

}  // namespace ballast::io
