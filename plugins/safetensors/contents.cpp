// SPDX-License-Identifier: Apache-2.0
// What is written of a model, see contents.h.
#include "contents.h"

#include <algorithm>
#include <numeric>

#include "container/json/json.h"
#include "format.h"

namespace ballast::safetensors {
namespace {

DType stored_dtype(DType dtype) {
    return dtype == DType::opaque8 ? DType::uint8 : dtype;
}

constexpr NamedTensorRules rules = {"safetensors", metadata_key, stored_dtype};

}  // namespace

Contents::Contents(const Model& model, const SaveOptions& options, Report& report)
    : NamedTensors(model, options, rules, report), order_(size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    // The format forbids gaps: falling element size keeps every tensor aligned for its type.
    std::stable_sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
        return info(tensor(a).dtype).bits > info(tensor(b).dtype).bits;
    });
}

Tree Contents::metadata() const {
    Tree tree = Tree::object();
    for (const auto& [key, value] : model().metadata.members())
        tree.set(key, value.is_string() ? value : Tree(json::write(value)));
    return tree;
}

std::optional<std::string> Contents::layout() const {
    if (!needs_kept()) return std::nullopt;
    return kept();
}

}  // namespace ballast::safetensors
