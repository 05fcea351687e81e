// SPDX-License-Identifier: Apache-2.0
// Canonical names (docs/formats/naming.md): the path from the root model to a layer, then the role of the
// weight.
//
//     conv1/kernel   encoder/bn/moving_mean   bi/forward_layer/cell/bias   mha/query_dense/kernel
//
// A container's children go by layer name, a built-in layer's sub-layers by Keras 3 attribute. Pure
// functions, callable from any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/model.h"

namespace ballast {

/// One component of a canonical name: '%' becomes "%25", '/' becomes "%2F".
std::string escape_component(std::string_view text);
/// The text of a component; other percent sequences stay as they are.
std::string unescape_component(std::string_view component);

/// By LayerId: the first path in save order that reaches the layer; empty for the root (and for a layer
/// nothing reaches). Throws limit_exceeded when they take more than 1 GiB together. A layer without a name
/// goes by the last part of its stored key, else by its class.
std::vector<std::string> canonical_layer_paths(const Model& model);

/// "path/role", or "role" for an empty path. A role may have parts (the rest of a legacy weight name, a
/// nested key): its slashes stay, each part is escaped.
std::string canonical_name(std::string_view layer_path, std::string_view role);

/// By LayerId and weight: canonical names, made unique: a name met again in save order gets "#2", "#3", …
std::vector<std::vector<std::string>> canonical_weight_names(const Model& model);

/// Both at the cost of one.
struct CanonicalNames {
    std::vector<std::string> layers;
    std::vector<std::vector<std::string>> weights;
};
CanonicalNames canonical_names(const Model& model);

/// Candidates that look like a misspelling of `name`, nearest first: same letters in another case, or few
/// edits.
std::vector<std::string> near_names(std::string_view name, std::span<const std::string> candidates,
                                    std::size_t at_most = 3);

}  // namespace ballast
