// SPDX-License-Identifier: Apache-2.0
// The Keras 3 layout as a tree of groups: which groups are layers, which are containers, where the variables
// lie.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "container/hdf5/read.h"

namespace ballast::keras_v3 {

inline constexpr std::string_view vars_group = "vars";
inline constexpr std::string_view layers_group = "layers";
/// The container's name in files of Keras 2.12 and 2.13.
inline constexpr std::string_view old_layers_group = "_layer_checkpoint_dependencies";

/// The `vars` group of a layer's group; no_object where there is none.
hdf5::ObjectId vars_of(const hdf5::File& file, hdf5::ObjectId group);

/// The groups (not links of other kinds) below `group` in natural order of their names.
std::vector<hdf5::ObjectId> child_groups(const hdf5::File& file, hdf5::ObjectId group);

/// A stored variable: its key below `vars` ("0", "idf_weights", "a/b") and the dataset.
struct Variable {
    std::string key;
    hdf5::ObjectId dataset = hdf5::no_object;
};
/// Everything below a `vars` group: decimal keys first, by value, then the others. Links that are no datasets
/// go to `on_link`.
std::vector<Variable> variables_below(const hdf5::File& file, hdf5::ObjectId vars,
                                      const std::function<void(const hdf5::Object&)>& on_link);

/// The key without its number: "dense_12" -> "dense", "conv2d" -> "conv2d".
std::string_view unnumbered(std::string_view key);

}  // namespace ballast::keras_v3
