// SPDX-License-Identifier: Apache-2.0
// The views of `ballast inspect`: a table, a tree, JSON. Each prints the selected tensors in index order.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "ballast/archive.h"
#include "ballast/stats.h"
#include "output.h"

namespace ballast::tool {

/// What to show. Refers to the archive.
struct View {
    const Archive& archive;
    std::vector<std::size_t> positions;  ///< of the selected tensors, ascending
    bool with_stats = false;
    std::vector<std::optional<TensorStats>> stats;  ///< of the positions, when asked for
};

void print_json(const View& view, Output& out);
void print_table(const View& view, Output& out);
void print_tree(const View& view, Output& out);

/// Path, format, producer and short metadata.
void print_heading(const Archive& archive, Output& out);
/// "4 tensors, 104 B (2 of the optimizer); 2 shown".
void print_closing(const View& view, Output& out);

/// A row of blocks as high as the bins are full, "▁▂▅▇"; spaces for empty bins.
std::string sparkline(const std::vector<std::uint64_t>& counts);

}  // namespace ballast::tool
