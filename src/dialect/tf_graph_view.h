// SPDX-License-Identifier: Apache-2.0
// An object graph with the tensors of its bundle: what the walks over it ask. Immutable; refers to the
// bundle.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "container/bundle/bundle.h"
#include "container/proto/object_graph.h"
#include "model/layout.h"

namespace ballast::tf_graph {

using NodeId = std::uint32_t;
inline constexpr NodeId no_node = 0xffffffffU;

/// One member of a container of layers.
struct Member {
    NodeId node = no_node;
    std::uint64_t number = 0;  ///< its place in the container's list of layers
    std::string edge;          ///< the path from the container: "layer_with_weights-0", "_operations/3"
};

class GraphView {
public:
    GraphView(const bundle::Bundle& bundle, proto::ObjectGraph graph);

    const bundle::Bundle& bundle() const noexcept { return bundle_; }
    const proto::ObjectNode& node(NodeId id) const { return graph_.nodes[id]; }
    std::size_t size() const noexcept { return graph_.nodes.size(); }
    NodeId child(NodeId id, std::string_view name) const noexcept;
    /// The tensor that is the node's value; null when it has none.
    const bundle::Entry* value(NodeId id) const noexcept { return values_[id]; }
    /// The variable's own name ("conv1/kernel"); empty when it was not stored.
    const std::string& full_name(NodeId id) const;
    /// Whether a variable can be reached, bookkeeping and optimizers left out.
    bool holds_values(NodeId id) const noexcept { return holds_[id]; }
    /// Whether the node keeps an optimizer's state.
    bool is_optimizer(NodeId id) const noexcept;
    /// A list whose items are the node's children "0", "1", ….
    bool is_list(NodeId id) const noexcept;

    /// The node of the model: the root, or what tf.train.Checkpoint(model=…) put below it.
    NodeId model() const noexcept { return model_; }
    /// The edge from the root to the model; empty when the root is the model.
    const std::string& model_edge() const noexcept { return model_edge_; }
    layout::Framework framework() const noexcept { return framework_; }
    /// The optimizer of the model; no_node when there is none.
    NodeId optimizer() const noexcept { return optimizer_; }
    /// The path from the root to it.
    const std::string& optimizer_edge() const noexcept { return optimizer_edge_; }

    /// The layers of a Sequential or Functional, in the order of their numbers, each once; empty for other
    /// nodes.
    std::vector<Member> members(NodeId id) const;
    /// Whether the numbers count all layers, or those with weights alone.
    bool numbers_all(NodeId id) const;

    /// Edges that lead to bookkeeping, functions and second copies of what lies elsewhere.
    static bool is_bookkeeping(std::string_view edge) noexcept;

private:
    void find_values();
    void find_holders();
    void find_model();
    void find_optimizer();
    bool looks_like_model(NodeId id) const;

    const bundle::Bundle& bundle_;
    proto::ObjectGraph graph_;
    std::vector<const bundle::Entry*> values_;
    std::vector<bool> holds_;
    NodeId model_ = 0, optimizer_ = no_node;
    std::string model_edge_, optimizer_edge_;
    layout::Framework framework_ = layout::Framework::tf_keras;
};

}  // namespace ballast::tf_graph
