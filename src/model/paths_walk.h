// SPDX-License-Identifier: Apache-2.0
// The walks over a Model that paths, names and the legacy order share: which children a layer has, in which
// order.
//
// Pure functions, callable from any thread. Children outside of model.layers are left out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/model.h"
#include "model/layout.h"
#include "model/order.h"

namespace ballast {

/// One step of Keras 3's walk from a layer to an object below it.
struct Step {
    LayerId child = 0;
    Edge::Kind kind = Edge::Kind::container;
    std::string
        stored;  ///< path component in the file: "layers", "cell", "cells"; of a list: that of the list
    std::string attribute;  ///< Keras 3 attribute; empty for a container's members
};

/// The steps from `id`, in the order in which `flavor` saves. A container's members first; then attributes by
/// name, private ones last (tf_keras: by name backwards), unless `variant` knows better. Null variant: by the
/// edges alone.
std::vector<Step> v3_steps(const Model& model, LayerId id, const layout::Variant* variant,
                           layout::Framework flavor);

/// Members of a Functional or Sequential as the framework's `layers` property lists them: no InputLayer in
/// front of a Sequential, no Keras 2 operations for Keras 3. Empty for other layers.
std::vector<LayerId> container_children(const Model& model, LayerId id, layout::Framework framework);

/// Everything whose weights count as the layer's own in a legacy file, in the order they are gathered.
std::vector<LayerId> legacy_children(const Model& model, LayerId id, const layout::Variant* variant,
                                     layout::Framework framework);

/// The sub-layer's variable that a layer's own weight of this role is another name for, if any.
std::optional<WeightRef> same_variable(const Model& model, LayerId id, const layout::Variant* variant,
                                       std::string_view role);

/// Position of the weight with this role, if the layer has it.
std::optional<std::uint32_t> find_role(const Layer& layer, std::string_view role);

}  // namespace ballast
