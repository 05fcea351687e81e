// SPDX-License-Identifier: Apache-2.0
// TensorFlow checkpoints: lifting a bundle along its object graph, or by names where it has none; lowering a
// model to the object graph tf_keras loads.
//
// The meaning of a tensor is found by walking the graph from its root, never in the text of its key. Pure
// functions; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ballast/archive.h"
#include "ballast/plan.h"
#include "container/bundle/bundle.h"
#include "container/proto/object_graph.h"

namespace ballast::tf_graph {

/// Producer::dialect of what lift() makes out of an object graph, and out of names alone.
inline constexpr std::string_view dialect = "tf_graph", name_dialect = "tf_names";

/// Key of the metadata of an archive and its model: the edge from the checkpoint's root to the model, as in
/// tf.train.Checkpoint(model=…); not there where the root is the model.
inline constexpr std::string_view model_at = "model_at";

/// Where an optimizer of tf_keras keeps its learning rate.
inline constexpr std::string_view rate_edge = "_learning_rate";

/// `assets` are what lies beside the bundle. Errors: as of reading text tensors and the graph in them.
ArchiveContents lift(const bundle::Bundle& bundle, const OpenOptions& options, std::vector<Blob> assets = {});

/// A path of edges as one text: `.` as "..", `/` as ".S", as TensorFlow escapes them in keys.
std::string escape_edge(std::string_view edge);
std::string unescape_edge(std::string_view text);

}  // namespace ballast::tf_graph
