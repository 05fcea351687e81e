// SPDX-License-Identifier: Apache-2.0
// Orders: how Keras 3 lists the layers of a graph, and in which order a legacy .h5 holds the weights of a
// layer.
//
// Pure functions, iterative or bounded, callable from any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "ballast/model.h"
#include "ballast/tree.h"
#include "model/layout.h"

namespace ballast {

/// The order in which Keras 3 lists the layers of a Functional, recomputed from its graph.
struct GraphOrder {
    /// Positions in config["layers"]: every entry that has a place in the graph, operations included.
    std::vector<std::uint32_t> positions;
    /// False when the graph refers to layers or calls that are not there: positions is then the config's own
    /// order.
    bool complete = true;
};
/// `config` is the Functional's config: {"layers", "input_layers", "output_layers"}, nodes as either Keras
/// writes them.
GraphOrder keras3_graph_order(const Tree& config);

/// One variable of a Model: model.layers[layer].weights[weight].
struct WeightRef {
    LayerId layer = 0;
    std::uint32_t weight = 0;
    friend bool operator==(const WeightRef&, const WeightRef&) = default;
};

/// Which trainable flags to assume while flattening.
enum class TrainableFlags : std::uint8_t {
    as_config,  ///< as the config says: what the framework did when it wrote config and weights together
    all,        ///< every layer trainable: the model was frozen or thawed after its config was written
};

/// One array of a legacy file.
struct LegacyEntry {
    WeightRef weight;
    /// The same variable seen from other layers (SpectralNormalization's kernel is its inner layer's).
    std::vector<WeightRef> copies;
};

/// The layers a legacy file lists in `layer_names`, in its order: model.layers of the framework. Operations
/// of a Keras 2 config are layers there and are listed for tf_keras only.
std::vector<LayerId> legacy_layers(const Model& model, layout::Framework framework);

/// The weights of one top-level layer in the order of its `weight_names`: trainable ones, then the others,
/// each flattened depth-first as the framework does it. A variable appears once. Layers of unknown class
/// contribute nothing: see has_unknown_weights.
std::vector<LegacyEntry> flatten_legacy(const Model& model, LayerId top, layout::Framework framework,
                                        TrainableFlags flags = TrainableFlags::as_config);

/// The variables a framework trains, in the order in which its optimizers keep their slots:
/// `model.trainable_variables`. Those of layers of unknown class are missing.
std::vector<WeightRef> trainable_weights(const Model& model, layout::Framework framework);

/// True when `top` is or holds a layer of unknown class, so that flatten_legacy cannot be complete.
bool has_unknown_weights(const Model& model, LayerId top);

}  // namespace ballast
