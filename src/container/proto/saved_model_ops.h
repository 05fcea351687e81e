// SPDX-License-Identifier: Apache-2.0
// The operations of a SavedModel's graphs and functions, for those who judge them; nothing is run. Values and
// pure functions. Source of the fields: TensorFlow's saved_model.proto, graph.proto, node_def.proto.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "ballast/limits.h"

namespace ballast::proto {

/// One node; its texts are parts of the message.
struct GraphNode {
    std::string_view function;  ///< empty: the graph itself
    std::string_view name, op;
    std::string_view outside;  ///< where PrintV2 writes, where DecodeProtoV2 finds descriptors
};

/// Calls `visit` with every node of every meta graph. Errors: damaged, limit_exceeded (nodes over
/// Limits::objects).
void for_each_node(std::string_view saved_model, const Limits& limits,
                   const std::function<void(const GraphNode&)>& visit);

/// As above, of a GraphDef alone ("frozen graph").
void for_each_graph_node(std::string_view graph, const Limits& limits,
                         const std::function<void(const GraphNode&)>& visit);

/// The names of files that the assets of all meta graphs say they are.
std::vector<std::string_view> asset_names(std::string_view saved_model, const Limits& limits);

}  // namespace ballast::proto
