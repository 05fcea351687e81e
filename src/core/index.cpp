// SPDX-License-Identifier: Apache-2.0
// Index: lookups by name and glob.
#include "ballast/index.h"

#include <algorithm>
#include <unordered_map>

#include "ballast/error.h"
#include "core/checked.h"
#include "core/text.h"

namespace ballast {
namespace {

/// Names that collide get "#2", "#3", … in order, skipping names that are taken.
void make_names_unique(std::vector<TensorInfo>& tensors) {
    const auto not_rising = [](const TensorInfo& a, const TensorInfo& b) { return a.name >= b.name; };
    if (std::adjacent_find(tensors.begin(), tensors.end(), not_rising) == tensors.end()) return;
    std::unordered_map<std::string_view, std::uint32_t> seen;
    seen.reserve(tensors.size());
    std::vector<std::size_t> repeated;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        if (!seen.emplace(tensors[i].name, 1).second) repeated.push_back(i);
    }
    if (repeated.empty()) return;
    std::unordered_map<std::string, std::uint32_t> counts;
    for (const TensorInfo& tensor : tensors)
        counts.emplace(tensor.name, 1);
    for (const std::size_t i : repeated) {
        const std::string base = tensors[i].name;
        std::string name;
        do {
            name = base + '#' + std::to_string(++counts[base]);
        } while (counts.contains(name));
        counts.emplace(name, 1);
        tensors[i].name = std::move(name);
    }
}

/// Up to three names close to `name`, for the hint.
std::string near_names(std::span<const TensorInfo> tensors, std::string_view name) {
    constexpr std::size_t far = 4, most_compared = 20000;
    std::vector<std::pair<std::size_t, std::string_view>> near;
    for (const TensorInfo& tensor : tensors.first(std::min(tensors.size(), most_compared))) {
        for (const std::string_view candidate :
             {std::string_view(tensor.name), std::string_view(tensor.stored_name)}) {
            const bool suffix = candidate.size() > name.size() && candidate.ends_with(name);
            const std::size_t distance = suffix ? 1 : edit_distance(candidate, name, far);
            if (distance <= far) near.emplace_back(distance, candidate);
        }
    }
    std::stable_sort(near.begin(), near.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::string text;
    std::size_t listed = 0;
    for (const auto& [distance, candidate] : near) {
        if (listed == 3 || text.find("'" + std::string(candidate) + "'") != std::string::npos) continue;
        text += (listed++ == 0 ? "did you mean '" : "', '") + std::string(candidate);
    }
    return text.empty() ? "list the names with `ballast inspect`" : text + "'?";
}

// Matches without recursion: on a mismatch go back to the last star. `**` crosses '/', `*` does not.
struct GlobState {
    std::size_t pattern = std::string_view::npos, name = 0;
};

bool match_class(std::string_view pattern, std::size_t& p, char c) noexcept {
    std::size_t i = p + 1;
    const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
    if (negated) ++i;
    bool found = false;
    for (bool first = true; i < pattern.size() && (first || pattern[i] != ']'); ++i, first = false) {
        if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
            found = found || (pattern[i] <= c && c <= pattern[i + 2]);
            i += 2;
        } else {
            found = found || pattern[i] == c;
        }
    }
    if (i >= pattern.size()) return pattern[p] == c;  // no closing bracket: a plain '['
    p = i;
    return found != negated && c != '/';
}

bool match_whole(std::string_view pattern, std::string_view name) noexcept {
    GlobState star, double_star;
    std::size_t p = 0, n = 0;
    while (n < name.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            const bool twice = p + 1 < pattern.size() && pattern[p + 1] == '*';
            p += twice ? 2 : 1;
            // "**/" also stands for no folder at all.
            if (twice && p < pattern.size() && pattern[p] == '/' && (n == 0 || name[n - 1] == '/')) {
                double_star = {p, n};
                ++p;
                star = {};
                continue;
            }
            (twice ? double_star : star) = {p, n};
            if (twice) star = {};
            continue;
        }
        std::size_t end = p;
        const bool fits = p < pattern.size() && (pattern[p] == '['   ? match_class(pattern, end, name[n])
                                                 : pattern[p] == '?' ? name[n] != '/'
                                                                     : pattern[p] == name[n]);
        if (fits) {
            p = end + 1;
            ++n;
        } else if (star.pattern != std::string_view::npos && name[star.name] != '/') {
            p = star.pattern;
            n = ++star.name;
        } else if (double_star.pattern != std::string_view::npos) {
            p = double_star.pattern;
            n = ++double_star.name;
            star = {};
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*')
        ++p;
    return p == pattern.size();
}

}  // namespace

std::string_view to_string(Part part) noexcept {
    switch (part) {
        case Part::weight:
            return "weight";
        case Part::optimizer:
            return "optimizer";
        case Part::metric:
            return "metric";
        case Part::loose:
            return "loose";
    }
    return "loose";
}

bool glob_match(std::string_view pattern, std::string_view name) noexcept {
    if (match_whole(pattern, name)) return true;
    if (pattern.find('/') != std::string_view::npos) return false;
    const std::size_t slash = name.rfind('/');
    return slash != std::string_view::npos && match_whole(pattern, name.substr(slash + 1));
}

std::shared_ptr<const Index> Index::make(std::vector<TensorInfo> tensors, std::vector<Blob> blobs) {
    make_names_unique(tensors);
    std::shared_ptr<Index> index(new Index());
    index->tensors_ = std::move(tensors);
    index->blobs_ = std::move(blobs);
    return index;
}

TensorRef Index::ref(std::size_t position) const {
    return {shared_from_this(), &tensors_[position]};
}

std::size_t Index::find(std::string_view name) const {
    for (const auto member : {&TensorInfo::stored_name, &TensorInfo::name}) {
        std::size_t found = tensors_.size(), hits = 0;
        for (std::size_t i = 0; i < tensors_.size(); ++i) {
            if (tensors_[i].*member == name && hits++ == 0) found = i;
        }
        if (hits == 1) return found;
        if (hits > 1) {
            throw Error(ErrorCode::ambiguous_name,
                        "'" + std::string(name) + "' names " + std::to_string(hits) + " tensors")
                .tensor(name)
                .hint("use the stored name that `ballast inspect --json` lists");
        }
    }
    throw Error(ErrorCode::name_not_found, "there is no tensor '" + std::string(name) + "'")
        .tensor(name)
        .hint(near_names(tensors_, name));
}

std::vector<std::size_t> Index::match(std::string_view glob) const {
    std::vector<std::size_t> positions;
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
        if (glob_match(glob, tensors_[i].stored_name) || glob_match(glob, tensors_[i].name))
            positions.push_back(i);
    }
    if (positions.empty()) {
        throw Error(ErrorCode::name_not_found, "no tensor matches '" + std::string(glob) + "'")
            .hint(near_names(tensors_, glob));
    }
    return positions;
}

std::uint64_t Index::total_bytes() const {
    std::uint64_t total = 0;
    for (const TensorInfo& tensor : tensors_) {
        if (tensor.alias_of.empty()) total = checked_add(total, tensor.byte_count()).value_or(UINT64_MAX);
    }
    return total;
}

}  // namespace ballast
