// SPDX-License-Identifier: Apache-2.0
// The words of the Model-as-metadata schema 1, shared by its writer and its reader
// (docs/formats/model_tree.md).
#pragma once

#include <array>
#include <string_view>

namespace ballast::model_tree_key {

inline constexpr std::string_view schema = "schema", tensors = "tensors", producer = "producer",
                                  root = "root", layers = "layers", optimizer = "optimizer", loose = "loose",
                                  config = "config", training_config = "training_config";
inline constexpr std::string_view dialect = "dialect", flavor = "flavor", keras_version = "keras_version",
                                  backend = "backend";
inline constexpr std::string_view name = "name", class_name = "class", package = "package", stored = "key",
                                  trainable = "trainable", weights = "weights", edges = "edges",
                                  save_order = "save_order";
inline constexpr std::string_view role = "role", tensor = "tensor", aliases = "aliases", place = "place";
inline constexpr std::string_view variables = "variables", slot = "slot", of_weight = "of";
inline constexpr std::string_view part = "part";
inline constexpr std::string_view hex = "hex";

/// By Edge::Kind.
inline constexpr std::array<std::string_view, 4> edge_kinds = {"container", "attribute", "index", "dict_key"};

}  // namespace ballast::model_tree_key
