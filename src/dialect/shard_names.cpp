// SPDX-License-Identifier: Apache-2.0
// Names of shards, see shard_names.h.
#include "dialect/shard_names.h"

#include <algorithm>
#include <charconv>
#include <unordered_set>

namespace ballast {
namespace {

constexpr std::string_view keras_suffix = ".weights.h5", stem_part = ".weights",
                           manifest_suffix = ".weights.json";
constexpr std::size_t digits = 5;

constexpr std::string_view index_suffix = ".safetensors.index.json", tensors_suffix = ".safetensors";

std::string five_digits(std::uint64_t value) {
    std::string number = std::to_string(value);
    if (number.size() < digits) number.insert(0, digits - number.size(), '0');
    return number;
}

std::string indexed_name(std::string_view base, std::uint64_t number, std::uint64_t count) {
    return std::string(base) + "-" + five_digits(number) + "-of-" + five_digits(count) +
           std::string(tensors_suffix);
}

bool is_indexed_name(std::string_view base, std::string_view name) {
    constexpr std::string_view of = "-of-";
    if (!name.starts_with(base) || !name.ends_with(tensors_suffix)) return false;
    const std::string_view middle =
        name.substr(base.size(), std::max(name.size(), base.size() + tensors_suffix.size()) - base.size() -
                                     tensors_suffix.size());
    const std::size_t at = middle.find(of);
    if (at == std::string_view::npos || middle.empty() || middle.front() != '-') return false;
    std::uint64_t number = 0, count = 0;
    const std::string_view first = middle.substr(1, at - 1), second = middle.substr(at + of.size());
    std::from_chars(first.data(), first.data() + first.size(), number);
    std::from_chars(second.data(), second.data() + second.size(), count);
    return indexed_name(base, number, count) == name;
}

/// Takes five digits off the end; false when there are none.
bool drop_number(std::string_view& stem) {
    if (stem.size() <= digits) return false;
    const std::string_view number = stem.substr(stem.size() - digits);
    if (number.find_first_not_of("0123456789") != number.npos) return false;
    stem.remove_suffix(digits);
    return true;
}

/// Takes `end` off the end; false when something else is there, or nothing before it.
bool drop(std::string_view& stem, std::string_view end) {
    if (!stem.ends_with(end) || stem.size() == end.size()) return false;
    stem.remove_suffix(end.size());
    return true;
}

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
    return std::string(base) + "_" + five_digits(index) + std::string(keras_suffix);
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

std::string manifest_of_shard(std::string_view name) {
    std::string_view stem = name;
    if (drop(stem, keras_suffix))
        return drop_number(stem) && drop(stem, "_") ? std::string(stem) + std::string(manifest_suffix)
                                                    : std::string();
    if (drop(stem, tensors_suffix) && drop_number(stem) && drop(stem, "-of-") && drop_number(stem) &&
        drop(stem, "-"))
        return std::string(stem) + std::string(index_suffix);
    return {};
}

std::vector<std::uint64_t> free_indices(const std::vector<std::uint64_t>& used, std::size_t count) {
    const std::unordered_set<std::uint64_t> taken(used.begin(), used.end());
    std::vector<std::uint64_t> indices;
    for (std::uint64_t index = 0; indices.size() < count; ++index) {
        if (!taken.contains(index)) indices.push_back(index);
    }
    return indices;
}

IndexedNames indexed_names(std::string_view index_name, std::size_t count,
                           const std::vector<std::string>& existing) {
    std::string_view base = index_name;
    if (base.ends_with(index_suffix)) base.remove_suffix(index_suffix.size());
    IndexedNames names;
    std::unordered_set<std::string_view> taken;
    for (const std::string& name : existing) {
        if (!is_indexed_name(base, name)) continue;
        names.old.push_back(name);
        taken.insert(name);
    }
    // Numbers further on, and a count to match, until no name meets one that is there.
    for (std::uint64_t shift = 0;; shift += count) {
        names.fresh.clear();
        for (std::size_t i = 1; i <= count; ++i)
            names.fresh.push_back(indexed_name(base, shift + i, shift + count));
        const bool free = std::none_of(names.fresh.begin(), names.fresh.end(),
                                       [&](const std::string& name) { return taken.contains(name); });
        if (free) return names;
    }
}

}  // namespace ballast
