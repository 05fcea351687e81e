// SPDX-License-Identifier: Apache-2.0
// Where Keras 3 would store the layers of a program. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "ballast/program_model.h"

namespace ballast {

/// The layers of a program as the walk sees them.
struct ProgramNode {
    const ProgramLayer* layer = nullptr;
    LayerStyle style = LayerStyle::container;  ///< never automatic
    std::vector<std::pair<ProgramEdge, LayerId>> edges;
};

/// By LayerId: the path of the layer's group in a Keras 3 weights file ("layers/dense_1"); empty for the
/// root. A shared layer has the first path in Keras' walk, as there.
std::vector<std::string> v3_program_keys(const std::vector<ProgramNode>& nodes);

}  // namespace ballast
