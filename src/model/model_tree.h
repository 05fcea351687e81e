// SPDX-License-Identifier: Apache-2.0
// A Model as metadata: everything but tensor bytes, for formats that hold named tensors and text
// (safetensors, npz).
//
// The shape of the Tree is described in docs/formats/model_tree.md. Pure functions; any thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ballast/index.h"
#include "ballast/limits.h"
#include "ballast/model.h"
#include "ballast/tree.h"

namespace ballast {

/// The number under "schema"; a Tree with another one is not read.
inline constexpr std::int64_t model_tree_schema = 1;

/// names[i] is the stored name of the i-th entry of model_tensors(model). Assets are left out: they are
/// bytes. As JSON text, layer by layer: a Tree of the whole would take several times the memory of the model.
std::string model_to_json(const Model& model, std::span<const std::string> names);

/// The stored names a Tree lists, in model order; empty when there is no such list.
std::vector<std::string> model_tree_names(const Tree& tree);

/// The Model a Tree describes, its values identities of the tensors of `index` with the stored names given.
/// The Tree is hostile input: ids out of range, unknown names, wrong kinds and other schemas throw damaged
/// (without path).
Model model_from_tree(const Tree& tree, const Index& index, const Limits& limits = {});

}  // namespace ballast
