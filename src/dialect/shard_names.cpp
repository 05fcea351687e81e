// SPDX-License-Identifier: Apache-2.0
// Names of shards, see shard_names.h.
#include "dialect/shard_names.h"

#include <algorithm>
#include <charconv>
#include <unordered_set>

namespace ballast {
namespace {

constexpr std::string_view keras_suffix = ".weights.h5", stem_part = ".weights";
constexpr std::size_t digits = 5;

}  // namespace

std::string keras_shard_base(std::string_view manifest_name) {
    const std::size_t dot = manifest_name.rfind('.');
    std::string stem(dot == std::string_view::npos || dot == 0 ? manifest_name
                                                               : manifest_name.substr(0, dot));
    for (std::size_t at = stem.find(stem_part); at != std::string::npos; at = stem.find(stem_part, at))
        stem.erase(at, stem_part.size());
    return stem;
}

std::string keras_shard_name(std::string_view base, std::uint64_t index) {
    std::string number = std::to_string(index);
    if (number.size() < digits) number.insert(0, digits - number.size(), '0');
    return std::string(base) + "_" + number + std::string(keras_suffix);
}

std::optional<std::uint64_t> keras_shard_index(std::string_view base, std::string_view name) {
    if (!name.starts_with(base) || !name.ends_with(keras_suffix)) return std::nullopt;
    if (name.size() < base.size() + 1 + digits + keras_suffix.size() || name[base.size()] != '_')
        return std::nullopt;
    const char* const first = name.data() + base.size() + 1;
    const char* const last = name.data() + name.size() - keras_suffix.size();
    std::uint64_t index = 0;
    const auto [end, error] = std::from_chars(first, last, index);
    if (error != std::errc() || end != last || keras_shard_name(base, index) != name) return std::nullopt;
    return index;
}

std::vector<std::uint64_t> free_indices(const std::vector<std::uint64_t>& used, std::size_t count) {
    const std::unordered_set<std::uint64_t> taken(used.begin(), used.end());
    std::vector<std::uint64_t> indices;
    for (std::uint64_t index = 0; indices.size() < count; ++index) {
        if (!taken.contains(index)) indices.push_back(index);
    }
    return indices;
}

}  // namespace ballast
