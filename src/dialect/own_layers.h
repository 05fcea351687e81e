// SPDX-License-Identifier: Apache-2.0
// Layers of the program's own classes: no table tells what they hold. Pure functions.
#pragma once

#include <string_view>

#include "ballast/model.h"

namespace ballast {

/// How the variables of such a layer come to their places in a file.
enum class Placing : std::uint8_t {
    by_order,  ///< one list a layer, the order of which only the class knows (legacy .h5)
    by_path,   ///< a path of attributes, which the layer's edges tell (Keras 3's layout, object graphs)
};

/// Whether a layer of the program's own class was made of one of Keras' recurrent layers, whose weights are
/// its cell's: before Keras 2.4 an .h5 named them as the layer's own.
bool hides_a_cell(const Layer& layer);

/// Throws ambiguous_mapping where a layer of a class that is not Keras' own holds layers, and the source does
/// not tell what the target's kind of file needs to know of them.
void require_places(const Model& model, Placing placing, std::string_view target);

}  // namespace ballast
