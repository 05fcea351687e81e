// SPDX-License-Identifier: Apache-2.0
// Walking the graphs of a saved_model.pb, see saved_model_ops.h.
#include "container/proto/saved_model_ops.h"

#include "container/proto/wire.h"

namespace ballast::proto {
namespace {

constexpr std::uint32_t meta_graph_tag = 2, graph_tag = 2, asset_tag = 6;

/// Calls `visit` with the bytes of every field `tag` of a message.
template <class Visit>
void each(std::string_view message, std::uint32_t tag, Visit visit) {
    Reader reader = message_in(message);
    while (reader.next()) {
        if (reader.tag() == tag)
            visit(bytes(reader));
        else
            reader.skip();
    }
}

/// The last one, as protobuf has it; empty when there is none.
std::string_view field(std::string_view message, std::uint32_t tag) {
    std::string_view found;
    each(message, tag, [&](std::string_view value) { found = value; });
    return found;
}

struct Walk {
    const Limits& limits;
    const std::function<void(const GraphNode&)>& visit;
    std::uint64_t nodes = 0;

    void node(std::string_view message, std::string_view function) {
        if (++nodes > limits.objects)
            throw Error(ErrorCode::limit_exceeded,
                        "saved_model.pb has more operations than the limit objects");
        GraphNode node{function, {}, {}, {}};
        Reader reader = message_in(message);
        while (reader.next()) {
            if (reader.tag() == 1) {
                node.name = bytes(reader);
            } else if (reader.tag() == 2) {
                node.op = bytes(reader);
            } else if (reader.tag() == 5) {
                const std::string_view attribute = bytes(reader);
                const std::string_view key = field(attribute, 1);
                if (key == "output_stream" || key == "descriptor_source")
                    node.outside = field(field(attribute, 2), 2);
            } else {
                reader.skip();
            }
        }
        visit(node);
    }

    void function(std::string_view message) {
        const std::string_view name = field(field(message, 1), 1);
        each(message, 3, [&](std::string_view node_def) { node(node_def, name); });
    }

    void graph(std::string_view message) {
        each(message, 1, [&](std::string_view node_def) { node(node_def, {}); });
        each(message, 2, [&](std::string_view library) {
            each(library, 1, [&](std::string_view definition) { function(definition); });
        });
    }
};

}  // namespace

void for_each_node(std::string_view saved_model, const Limits& limits,
                   const std::function<void(const GraphNode&)>& visit) {
    guarded("saved_model.pb", [&] {
        Walk walk{limits, visit};
        each(saved_model, meta_graph_tag, [&](std::string_view meta_graph) {
            each(meta_graph, graph_tag, [&](std::string_view graph) { walk.graph(graph); });
        });
    });
}

void for_each_graph_node(std::string_view graph, const Limits& limits,
                         const std::function<void(const GraphNode&)>& visit) {
    guarded("the graph", [&] { Walk{limits, visit}.graph(graph); });
}

std::vector<std::string_view> asset_names(std::string_view saved_model, const Limits& limits) {
    return guarded("saved_model.pb", [&] {
        std::vector<std::string_view> names;
        each(saved_model, meta_graph_tag, [&](std::string_view meta_graph) {
            each(meta_graph, asset_tag, [&](std::string_view asset) {
                if (names.size() >= limits.objects)
                    throw Error(ErrorCode::limit_exceeded,
                                "saved_model.pb has more assets than the limit objects");
                names.push_back(field(asset, 2));
            });
        });
        return names;
    });
}

}  // namespace ballast::proto
