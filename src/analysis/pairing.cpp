// SPDX-License-Identifier: Apache-2.0
// Pairing the tensors of two files, see pairing.h.
#include "analysis/pairing.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "ballast/error.h"
#include "convert/scan.h"
#include "io/checksum.h"
#include "model/config.h"
#include "model/naming.h"
#include "model/paths_walk.h"

namespace ballast {
namespace {

using Name = std::string TensorInfo::*;

std::vector<bool> wanted_tensors(const Index& index, const DiffOptions& options, std::vector<bool>& used) {
    const auto tensors = index.tensors();
    std::vector<bool> wanted(tensors.size(), options.include.empty());
    for (std::size_t g = 0; g < options.include.size(); ++g) {
        for (std::size_t i = 0; i < tensors.size(); ++i) {
            const bool hit = glob_match(options.include[g], tensors[i].stored_name) ||
                             glob_match(options.include[g], tensors[i].name);
            if (!hit) continue;
            wanted[i] = true;
            used[g] = true;
        }
    }
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const bool state = tensors[i].part == Part::optimizer || tensors[i].part == Part::metric;
        if (state && options.weights_only) wanted[i] = false;
    }
    return wanted;
}

std::vector<std::size_t> positions(const std::vector<bool>& wanted) {
    std::vector<std::size_t> result;
    for (std::size_t i = 0; i < wanted.size(); ++i)
        if (wanted[i]) result.push_back(i);
    return result;
}

/// Pairs what bears the same name in both lists and takes it out of them.
void pair_by(const Archive& a, const Archive& b, Name name, bool renamed, TensorPairing& pairing) {
    std::unordered_map<std::string_view, std::size_t> by_name;
    for (const std::size_t position : pairing.only_b)
        by_name.emplace(b.index().tensors()[position].*name, position);
    std::vector<bool> taken(b.index().size());
    std::erase_if(pairing.only_a, [&](std::size_t position) {
        const auto found = by_name.find(a.index().tensors()[position].*name);
        if (found == by_name.end() || taken[found->second]) return false;
        taken[found->second] = true;
        pairing.pairs.push_back({position, found->second, renamed});
        return true;
    });
    std::erase_if(pairing.only_b, [&](std::size_t position) { return taken[position]; });
}

/// Canonical names of variables that a sub-layer holds too (the kernel of SpectralNormalization). Keras 3
/// stores them twice, other formats once.
std::unordered_set<std::string> second_places(const Model& model) {
    const auto framework =
        model.producer.flavor == "tf_keras" ? layout::Framework::tf_keras : layout::Framework::keras3;
    const auto variants = layer_variants(model, framework);
    const auto names = canonical_weight_names(model);
    std::unordered_set<std::string> found;
    for (LayerId id = 0; id < model.layers.size(); ++id) {
        const auto& weights = model.layers[id].weights;
        for (std::uint32_t i = 0; i < weights.size(); ++i)
            if (same_variable(model, id, variants[id], weights[i].role)) found.insert(names[id][i]);
    }
    return found;
}

/// A format without hard links holds a variable once: its further names are no loss.
void drop_aliases(const Archive& archive, std::vector<std::size_t>& lone) {
    if (lone.empty()) return;
    const auto second = second_places(archive.model());
    std::erase_if(lone, [&](std::size_t position) {
        const TensorInfo& tensor = archive.index().tensors()[position];
        return !tensor.alias_of.empty() || second.contains(tensor.name);
    });
}

using Content = std::tuple<DType, std::vector<std::uint64_t>>;
using Group = std::map<Content, std::vector<std::size_t>>;

Group by_shape(const Index& index, const std::vector<std::size_t>& lone) {
    Group groups;
    for (const std::size_t position : lone) {
        const TensorInfo& tensor = index.tensors()[position];
        if (tensor.dtype == DType::string) continue;
        groups[{tensor.dtype, {tensor.shape.begin(), tensor.shape.end()}}].push_back(position);
    }
    return groups;
}

/// The checksums of whole tensors, by position.
std::unordered_map<std::size_t, std::uint32_t> checksums(const Archive& archive, const DiffOptions& options,
                                                         const std::vector<std::size_t>& tensors) {
    std::vector<ScanItem> items;
    items.reserve(tensors.size());
    for (const std::size_t position : tensors)
        items.push_back({archive.index().ref(position)});
    const std::vector<ScanBlock> blocks = cut_blocks(items);
    std::vector<std::pair<std::uint32_t, std::uint64_t>> parts(blocks.size());
    scan(items, blocks, {options.threads, {}, options.cancel}, [&](std::size_t number, const auto& bytes) {
        parts[number] = {io::crc32c(bytes[0]), bytes[0].size()};
    });
    std::unordered_map<std::size_t, std::uint32_t> sums;
    for (const std::size_t position : tensors)
        sums.emplace(position, 0);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        std::uint32_t& sum = sums[tensors[blocks[i].item]];
        sum = blocks[i].first == 0 ? parts[i].first
                                   : io::combine(io::Crc::crc32c, sum, parts[i].first, parts[i].second);
    }
    return sums;
}

}  // namespace

bool of_one_kind(const Archive& a, const Archive& b) {
    const Producer &one = a.model().producer, &other = b.model().producer;
    return &a.format() == &b.format() && a.kind() == b.kind() && one.dialect == other.dialect &&
           one.flavor == other.flavor;
}

TensorPairing pair_tensors(const Archive& a, const Archive& b, const DiffOptions& options) {
    std::vector<bool> used(options.include.size());
    TensorPairing pairing;
    pairing.only_a = positions(wanted_tensors(a.index(), options, used));
    pairing.only_b = positions(wanted_tensors(b.index(), options, used));
    const auto unused = std::find(used.begin(), used.end(), false);
    if (unused != used.end()) {
        const auto which = static_cast<std::size_t>(unused - used.begin());
        throw Error(ErrorCode::name_not_found,
                    "no tensor of either file matches '" + options.include[which] + "'")
            .hint("list the names with `ballast inspect`; `*` stops at '/', `**` does not");
    }
    pairing.by_stored = of_one_kind(a, b);
    pair_by(a, b, pairing.by_stored ? &TensorInfo::stored_name : &TensorInfo::name, false, pairing);
    pair_by(a, b, pairing.by_stored ? &TensorInfo::name : &TensorInfo::stored_name, pairing.by_stored,
            pairing);
    if (&a.format() != &b.format()) {
        drop_aliases(a, pairing.only_a);
        drop_aliases(b, pairing.only_b);
    }
    return pairing;
}

void pair_contents(const Archive& a, const Archive& b, const DiffOptions& options, TensorPairing& pairing) {
    const Group groups_a = by_shape(a.index(), pairing.only_a),
                groups_b = by_shape(b.index(), pairing.only_b);
    std::vector<std::size_t> candidates_a, candidates_b;
    for (const auto& [content, tensors] : groups_a) {
        const auto other = groups_b.find(content);
        if (other == groups_b.end()) continue;
        candidates_a.insert(candidates_a.end(), tensors.begin(), tensors.end());
        candidates_b.insert(candidates_b.end(), other->second.begin(), other->second.end());
    }
    const auto sums_a = checksums(a, options, candidates_a), sums_b = checksums(b, options, candidates_b);
    std::map<std::tuple<Content, std::uint32_t>,
             std::pair<std::vector<std::size_t>, std::vector<std::size_t>>>
        alike;
    const auto content = [](const Archive& archive, std::size_t position) -> Content {
        const TensorInfo& tensor = archive.index().tensors()[position];
        return {tensor.dtype, {tensor.shape.begin(), tensor.shape.end()}};
    };
    for (const std::size_t position : candidates_a)
        alike[{content(a, position), sums_a.at(position)}].first.push_back(position);
    for (const std::size_t position : candidates_b)
        alike[{content(b, position), sums_b.at(position)}].second.push_back(position);
    std::vector<bool> taken_a(a.index().size()), taken_b(b.index().size());
    for (auto& [key, both] : alike) {
        if (both.first.size() != both.second.size()) continue;
        for (std::size_t i = 0; i < both.first.size(); ++i) {
            pairing.pairs.push_back({both.first[i], both.second[i], true});
            taken_a[both.first[i]] = taken_b[both.second[i]] = true;
        }
    }
    std::erase_if(pairing.only_a, [&](std::size_t position) { return taken_a[position]; });
    std::erase_if(pairing.only_b, [&](std::size_t position) { return taken_b[position]; });
}

}  // namespace ballast
