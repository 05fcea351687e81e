// SPDX-License-Identifier: Apache-2.0
// Where the variables of each layer lie in a Keras 3 weights file (.weights.h5, shards, .keras).
//
// Pure functions, iterative, callable from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ballast/model.h"
#include "model/layout.h"
#include "model/order.h"

namespace ballast {

/// One dataset of a group: <path>/vars/<key>.
struct V3Variable {
    std::string key;  ///< "0", "1", … or a name of its own ("idf_weights")
    std::string role;
    /// Whose value it holds: an own weight of the layer, or the sub-layer's that the flavour stores here once
    /// more. Nothing when the flavour keeps a variable that the model has none for.
    std::optional<WeightRef> weight;
};

/// One object of Keras 3's walk over a model.
struct V3Group {
    LayerId layer = 0;
    std::string path;  ///< "layers/dense_1", "layers/lstm/cell"; empty for the model itself
    std::vector<V3Variable> variables;

    /// "layers/dense_1/vars"
    std::string vars() const { return path.empty() ? "vars" : path + "/vars"; }
};

/// Every object the flavour stores, with or without variables, in walk order; a shared layer once, at its
/// first path. `flavor` decides names, order and numbering (Keras 3 counts a shared layer again, tf_keras
/// does not). Left out is what the flavour does not store: Sequential's InputLayer, Keras 2 operations in
/// Keras 3. Layers of unknown class are listed with the weights the model has for them, keyed by position.
std::vector<V3Group> v3_paths(const Model& model, layout::Framework flavor);

/// The container key of a layer, without number: its class in snake_case, by the flavour's class name.
std::string v3_key(const Layer& layer, layout::Framework flavor);

/// Numbers equal keys in order of arrival: "dense", "dense_1", …
class KeyCounter {
public:
    std::string next(std::string_view key);

private:
    std::unordered_map<std::string, std::uint64_t> used_;
};

}  // namespace ballast
