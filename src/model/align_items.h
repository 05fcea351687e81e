// SPDX-License-Identifier: Apache-2.0
// The two sides of an alignment as flat lists: items (single tensors) and units (the tensors of one layer).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "ballast/align.h"
#include "ballast/model.h"

namespace ballast {

/// One weight or loose tensor.
struct AlignItem {
    std::string name;    ///< canonical; on the source side after the map
    std::string stored;  ///< in its file; empty in a skeleton
    std::string role;    ///< within its unit
    std::size_t unit = 0;
    const TensorExpr* value = nullptr;  ///< empty in a skeleton
    bool mapped = false;                ///< a rule gave the name: it must lead somewhere
};

/// The tensors of one layer; of a file without layers, those whose names agree but for the last part.
struct AlignUnit {
    std::string path;  ///< canonical
    std::string name;  ///< the layer's own
    std::vector<std::size_t> items;
    bool ordered = false;  ///< a layer: its tensors stand in their order of creation
};

struct AlignSide {
    std::vector<AlignItem> items;  ///< in the model's order
    std::vector<AlignUnit> units;
};

/// The weights and loose tensors of a model. A target's places without value are listed, a source's are not.
AlignSide source_side(const Model& model, const std::vector<MapRule>& map);
AlignSide target_side(const Model& model);

/// The values of a target's items, in the order of target_side().
std::vector<TensorExpr*> target_values(Model& model);

}  // namespace ballast
