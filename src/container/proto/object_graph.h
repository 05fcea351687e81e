// SPDX-License-Identifier: Apache-2.0
// TrackableObjectGraph: which object held which, and which tensor is stored for which object. Values, pure
// functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/limits.h"

namespace ballast::proto {

/// The key a checkpoint keeps its object graph under.
inline constexpr std::string_view object_graph_key = "_CHECKPOINTABLE_OBJECT_GRAPH";

struct ObjectReference {
    std::uint32_t node = 0;
    std::string name;
};

struct ObjectAttribute {
    std::string name;       ///< "VARIABLE_VALUE"
    std::string full_name;  ///< the variable's own name: "conv1/kernel"; may be empty
    std::string key;        ///< the tensor it is stored as
};

struct SlotReference {
    std::uint32_t variable = 0;  ///< the node whose slot it is
    std::string name;            ///< "m"
    std::uint32_t slot = 0;      ///< the node that holds the value
};

struct ObjectNode {
    std::vector<ObjectReference> children;
    std::vector<ObjectAttribute> attributes;
    std::vector<SlotReference> slots;
    std::string saver;        ///< of an object with a registered saver; empty for all others
    bool has_values = false;  ///< written as has_checkpoint_values
};

/// nodes[0] is the root. Shared nodes and cycles are normal.
struct ObjectGraph {
    std::vector<ObjectNode> nodes;
};

/// Errors: damaged (also for a reference to a node that is not there), limit_exceeded above Limits::objects
/// nodes or Limits::links references.
ObjectGraph read_graph(std::string_view message, const Limits& limits);
std::string write_graph(const ObjectGraph& graph);

}  // namespace ballast::proto
