// SPDX-License-Identifier: Apache-2.0
// What SavedModels hold outside of the layers: metric state, and the weights of Keras 3's export, stored
// twice. One thread.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "ballast/index.h"
#include "dialect/tf_graph_view.h"

namespace ballast::tf_graph {

/// What a lookup table's key is continued by for its two tensors.
inline constexpr std::string_view table_keys = "-keys", table_values = "-values";

/// What is known of a tensor that no layer took.
struct RestName {
    std::string name = {};  ///< empty: its stored name
    Part part = Part::loose;
    bool copy = false;               ///< equal to another tensor of the file: left out
    std::string_view original = {};  ///< the key of that other one
    bool empty_table = false;        ///< of a lookup table that nothing is in: left out
};

/// By key. Keys of the view's bundle, which must outlive it.
using RestNames = std::map<std::string_view, RestName>;

/// Keras 2 keeps metrics below `keras_api`. Keras 3's export() keeps every weight below `variables`, which
/// its functions use, and again below `_all_variables`, without layers; their own names ("conv1/kernel") are
/// all that tells them apart.
RestNames name_rest(const GraphView& view);

}  // namespace ballast::tf_graph
