// SPDX-License-Identifier: Apache-2.0
// An object graph under construction, with the values its nodes get. One thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ballast/model.h"
#include "container/bundle/write_bundle.h"
#include "container/proto/object_graph.h"

namespace ballast::tf_graph {

class GraphBuilder {
public:
    using Node = std::uint32_t;
    static constexpr Node root = 0;

    GraphBuilder() : graph_{{proto::ObjectNode{}}} {}

    /// The node at the end of this edge; made when there is none.
    Node child(Node parent, std::string_view edge);
    /// A further name for a node.
    void link(Node parent, std::string_view edge, Node node);
    /// The node at the end of a path of escaped edges.
    Node walk(Node from, std::string_view path);
    /// Makes the node a variable, stored under the key of this path of escaped edges. False when it is one
    /// already.
    bool set(Node node, const std::string& path, std::string full_name, TensorExpr value);
    bool is_variable(Node node) const { return !graph_.nodes[node].attributes.empty(); }
    /// A node that no edge leads to.
    Node slot_node();
    void add_slot(Node optimizer, Node variable, std::string name, Node slot);
    /// The key's path of a variable.
    std::string path_of(Node node) const;

    const proto::ObjectGraph& graph() const noexcept { return graph_; }
    /// Hands graph and values over.
    void finish(bundle::Builder& bundle) &&;

private:
    proto::ObjectGraph graph_;
    std::vector<std::pair<std::string, TensorExpr>> values_;  ///< by key
};

/// Which nodes the weights of a model became.
struct VariableNodes {
    std::vector<std::vector<GraphBuilder::Node>>
        of_weight;  ///< by layer and weight; root (0) where there is none
};

/// A scalar that no file holds.
TensorExpr scalar(DType dtype, std::string_view name, std::uint64_t little_endian_bits);

}  // namespace ballast::tf_graph
