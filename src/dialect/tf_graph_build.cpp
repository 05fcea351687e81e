// SPDX-License-Identifier: Apache-2.0
// Building object graphs, see tf_graph_build.h.
#include "dialect/tf_graph_build.h"

#include <memory>

#include "core/text.h"
#include "dialect/tf_graph.h"
#include "dialect/tf_graph_walk.h"

namespace ballast::tf_graph {
namespace {

constexpr std::string_view value_attribute = "VARIABLE_VALUE", attributes_part = ".ATTRIBUTES/";

}  // namespace

GraphBuilder::Node GraphBuilder::child(Node parent, std::string_view edge) {
    for (const proto::ObjectReference& known : graph_.nodes[parent].children)
        if (known.name == edge) return known.node;
    const auto node = static_cast<Node>(graph_.nodes.size());
    graph_.nodes.emplace_back();
    link(parent, edge, node);
    return node;
}

GraphBuilder::Node GraphBuilder::slot_node() {
    graph_.nodes.emplace_back();
    return static_cast<Node>(graph_.nodes.size() - 1);
}

void GraphBuilder::link(Node parent, std::string_view edge, Node node) {
    for (const proto::ObjectReference& known : graph_.nodes[parent].children)
        if (known.name == edge) return;
    graph_.nodes[parent].children.push_back({node, std::string(edge)});
}

GraphBuilder::Node GraphBuilder::walk(Node from, std::string_view path) {
    if (path.empty()) return from;
    for (const std::string_view edge : split(path, '/'))
        from = child(from, unescape_edge(edge));
    return from;
}

bool GraphBuilder::set(Node node, const std::string& path, std::string full_name, TensorExpr value) {
    if (is_variable(node)) return false;
    std::string key = path + "/" + std::string(attributes_part) + std::string(value_attribute);
    graph_.nodes[node].attributes.push_back({std::string(value_attribute), std::move(full_name), key});
    values_.emplace_back(std::move(key), std::move(value));
    return true;
}

void GraphBuilder::add_slot(Node optimizer, Node variable, std::string name, Node slot) {
    graph_.nodes[optimizer].slots.push_back({variable, std::move(name), slot});
}

std::string GraphBuilder::path_of(Node node) const {
    return is_variable(node) ? stored_name(graph_.nodes[node].attributes.front().key) : std::string();
}

void GraphBuilder::finish(bundle::Builder& bundle) && {
    // Nothing but what leads to a value was made.
    for (proto::ObjectNode& node : graph_.nodes)
        node.has_values = true;
    bundle.add_text(std::string(proto::object_graph_key), proto::write_graph(graph_));
    for (auto& [key, value] : values_)
        bundle.add(std::move(key), std::move(value));
}

TensorExpr scalar(DType dtype, std::string_view name, std::uint64_t little_endian_bits) {
    auto bytes = std::make_shared<std::vector<std::byte>>();
    const std::uint64_t size = byte_size(dtype, 1);
    for (std::uint64_t i = 0; i < size; ++i)
        bytes->push_back(static_cast<std::byte>(little_endian_bits >> (8 * i)));
    auto tensor = std::make_shared<TensorInfo>();
    tensor->name = tensor->stored_name = name;
    tensor->dtype = dtype;
    tensor->stored_bytes = size;
    tensor->storage.layout = InlineBytes{bytes, *bytes};
    return TensorExpr(TensorRef(std::move(tensor)));
}

}  // namespace ballast::tf_graph
