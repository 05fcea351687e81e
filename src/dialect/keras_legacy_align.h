// SPDX-License-Identifier: Apache-2.0
// Joining the lists of a legacy file with the layers of a config.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ballast/error.h"
#include "ballast/model.h"
#include "dialect/keras_legacy_file.h"
#include "dialect/keras_legacy_keras1.h"
#include "model/layout.h"
#include "model/order.h"

namespace ballast::keras_legacy {

/// Which layer of the model a stored layer is. By name where all layers with weights are found so; else in
/// order, layers without weights left out on both sides, as Keras loads. Throws ambiguous_mapping when
/// neither works.
struct Pairing {
    std::vector<LayerId> layers;  ///< by stored layer; no_layer where it has no weights and no counterpart
    bool by_order = false;
};
inline constexpr LayerId no_layer = 0xffffffff;
Pairing pair_layers(const Model& model, const std::vector<StoredLayer>& stored, layout::Framework framework);

/// The variables of one top-level layer in the order its stored weights have: as the config's trainable flags
/// say, else as if all were trainable, whichever agrees with the names. Layers of unknown class get weights
/// as the file has them. Where Keras 1 stored gates apart the cells get a weight for each. Throws
/// ambiguous_mapping naming the layer.
struct Alignment {
    std::vector<LegacyEntry> entries;  ///< one a stored weight
    bool thawed = false;               ///< all layers had to be taken as trainable
    std::vector<Gates> gates = {};     ///< to be joined once the values are there
};
Alignment align(Model& model, LayerId top, const StoredLayer& stored, layout::Framework framework,
                bool keras1);

}  // namespace ballast::keras_legacy
