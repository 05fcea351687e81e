// SPDX-License-Identifier: Apache-2.0
// From a Keras model config to a Model without values: layers, roles, edges, orders, trainable flags.
//
// Reads what Keras 2 (`model_config` of an .h5, tf_keras' to_json()) and Keras 3 (to_json(), config.json of a
// .keras) write: Sequential, Functional, nested and shared models, wrappers, RNN cells. Nothing is executed
// or imported; classes we do not know pass through as layers whose weights are unknown. Pure functions on
// values: any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ballast/limits.h"
#include "ballast/model.h"
#include "ballast/tree.h"
#include "model/layout.h"

namespace ballast {

struct ConfigOptions {
    /// Who wrote the config; found out from the config itself (config_framework) when not given.
    std::optional<layout::Framework> framework;
    Limits limits;
    /// The file and part, for error messages.
    std::string where;
    /// When given: things worth reporting (a reference to a layer that is not there, a class of unknown
    /// layout).
    std::vector<std::string>* notes = nullptr;
};

/// The model a config describes. `config` is {"class_name", "config", …} as written; it is kept verbatim as
/// Model::config. Layer 0 is the root.
///
/// Layer::config holds the layer's own config; nested layer nodes, which are Layers of their own, are cut
/// down to their class (`layers` to an empty list), so the size of a Model is linear in the size of the
/// config. Weights have role and trainability, no value and no stored key. A layer object that the config
/// gives twice with one shared_object_id, and a layer called several times, is one Layer with one or more
/// incoming edges. Layer::edges are in config order (tf_keras' model.layers); Layer::save_order is Keras 3's
/// where it differs. Both include the InputLayers of a Functional and of a Sequential, and no Keras 3
/// operation (keras.ops). Throws damaged when this is no model config, limit_exceeded above the limits.
Model model_from_config(Tree config, const ConfigOptions& options = {});

/// Which code base wrote this config: by keras_version, else by the spelling of its parts.
layout::Framework config_framework(const Tree& config);

/// What a layer is to the walks over a model.
enum class LayerKind : std::uint8_t {
    plain,       ///< a built-in layer, wrapper or cell
    input,       ///< InputLayer: in Functional.layers, not in Sequential.layers
    operation,   ///< a Keras 2 layer made of a TensorFlow function: Keras 3 has an operation in its place, no
                 ///< layer
    sequential,  ///< Sequential or a subclass of it
    functional,  ///< Functional, also under the name of a user's subclass
    unknown,     ///< custom class: what it owns is not known
};
/// By class name, package and config; pure and cheap.
LayerKind kind_of(const Layer& layer);

/// False for a layer of a class we have no layout for: `weights` and `edges` then say nothing, and the
/// variables have to be taken from a file by position.
bool weights_known(const Layer& layer);

/// Config values as layout::choose_variant asks for them. The Tree must outlive the result.
layout::ConfigLookup config_lookup(const Tree& config);

/// The arrangement of a layer's variables and sub-layers in `framework`, by class and config; null where
/// there is none (containers, unknown classes, classes that framework does not have, layers without a
/// config).
const layout::Variant* variant_of(const Layer& layer, layout::Framework framework);

/// The arrangement of a sub-layer that its parent makes itself (an LSTM's cell); null when its own config
/// decides.
const layout::Variant* made_child_variant(const layout::Variant* parent, const Edge& edge);

/// By LayerId: the arrangement of the layer's variables and sub-layers in `framework`; null where there is
/// none (containers, unknown classes, classes that framework does not have).
std::vector<const layout::Variant*> layer_variants(const Model& model, layout::Framework framework);

/// Removes the variables that a kind of file does not hold: &layout::OwnWeight::not_in_v3 (low-rank factors,
/// which Keras 3 merges into the kernel) or not_in_legacy (a lookup layer's tf-idf table).
void drop_left_out(Model& model, layout::Framework framework,
                   layout::FrameworkSet layout::OwnWeight::*left_out);

}  // namespace ballast
