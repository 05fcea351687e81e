// SPDX-License-Identifier: Apache-2.0
// Statistics as data, see stats_tree.h.
#include "stats_tree.h"

#include <utility>

namespace ballast::tool {

Tree stats_tree(const std::optional<TensorStats>& stats) {
    if (!stats) return {};
    Tree tree = Tree::object();
    const auto value = [&](double TensorStats::Values::*member) {
        return stats->values ? Tree(*stats->values.*member) : Tree();
    };
    tree.set("min", value(&TensorStats::Values::min));
    tree.set("max", value(&TensorStats::Values::max));
    tree.set("mean", value(&TensorStats::Values::mean));
    tree.set("std", value(&TensorStats::Values::deviation));
    tree.set("zeros", stats->zeros);
    tree.set("nan", stats->nan);
    tree.set("inf", stats->infinite);
    Tree counts = stats->values ? Tree::array() : Tree();
    if (stats->values)
        for (const std::uint64_t count : stats->values->histogram)
            counts.push_back(count);
    tree.set("histogram", std::move(counts));
    return tree;
}

}  // namespace ballast::tool
