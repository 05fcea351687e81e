// SPDX-License-Identifier: Apache-2.0
// One object node of a Keras config ({"class_name", "config", …}), taken apart. Views into the Tree it came
// from, which must outlive them; pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include "ballast/tree.h"
#include "model/layout.h"

namespace ballast {

struct ConfigNode {
    std::string_view class_name;   ///< without package
    std::string package;           ///< of a custom class, else empty
    std::string_view module;       ///< empty where the dialect writes none
    std::string_view name;         ///< the user's layer name; empty when the node has none
    const Tree* config = nullptr;  ///< never null; an object, or the bare layer list of the oldest Sequential

    /// {"name", "layers", "input_layers", "output_layers"}: a Functional under whatever class name.
    bool is_functional() const;
    /// A Sequential, or a custom class whose config looks like one.
    bool is_sequential() const;
    /// Sub-nodes of a container; empty for others.
    const Tree::Array& layers() const;
};

/// False when `node` is no object with a class name.
bool read_node(const Tree& node, ConfigNode& out);

/// A Keras 3 operation (keras.ops.add) listed among the layers of a Functional: takes part in the graph, is
/// no layer. The .h5 dialect writes no module; there an operation's config lacks what every layer's has.
bool is_keras3_operation(const ConfigNode& node, layout::Framework framework);

}  // namespace ballast
