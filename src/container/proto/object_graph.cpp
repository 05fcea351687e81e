// SPDX-License-Identifier: Apache-2.0
// Reading and writing object graphs, see object_graph.h.
#include "container/proto/object_graph.h"

#include "container/proto/wire.h"

namespace ballast::proto {
namespace {

std::string text(Reader& message) {
    return std::string(bytes(message));
}

class GraphReader {
public:
    explicit GraphReader(const Limits& limits) : limits_(limits) {}

    ObjectGraph read(std::string_view encoded) {
        ObjectGraph graph;
        Reader message = message_in(encoded);
        while (message.next()) {
            if (message.tag() != 1) {
                message.skip();
                continue;
            }
            if (graph.nodes.size() >= limits_.objects)
                throw Error(ErrorCode::limit_exceeded,
                            "the object graph has more nodes than the limit objects");
            graph.nodes.push_back(node(message_in(bytes(message))));
        }
        if (graph.nodes.empty()) throw Error(ErrorCode::damaged, "the object graph has no root");
        for (const ObjectNode& node : graph.nodes)
            check(node, graph.nodes.size());
        return graph;
    }

private:
    void count_link() {
        if (++links_ > limits_.links)
            throw Error(ErrorCode::limit_exceeded,
                        "the object graph has more references than the limit links");
    }

    static void check(const ObjectNode& node, std::size_t nodes) {
        bool good = true;
        for (const ObjectReference& child : node.children)
            good = good && child.node < nodes;
        for (const SlotReference& slot : node.slots)
            good = good && slot.variable < nodes && slot.slot < nodes;
        if (!good) throw Error(ErrorCode::damaged, "the object graph refers to a node that is not there");
    }

    /// Negative and huge numbers fail check().
    static std::uint32_t node_id(Reader& message) {
        const std::uint64_t id = number(message);
        return id > 0x7fffffffU ? 0xffffffffU : static_cast<std::uint32_t>(id);
    }

    ObjectNode node(Reader message) {
        ObjectNode result;
        while (message.next()) {
            switch (message.tag()) {
                case 1:
                    count_link();
                    result.children.push_back(child(message_in(bytes(message))));
                    break;
                case 2:
                    count_link();
                    result.attributes.push_back(attribute(message_in(bytes(message))));
                    break;
                case 3:
                    count_link();
                    result.slots.push_back(slot(message_in(bytes(message))));
                    break;
                case 4:
                    result.saver = saver(message_in(bytes(message)));
                    break;
                case 5:
                    result.has_values = flag(message_in(bytes(message)));
                    break;
                default:
                    message.skip();
            }
        }
        return result;
    }

    static ObjectReference child(Reader message) {
        ObjectReference result;
        while (message.next()) {
            if (message.tag() == 1)
                result.node = node_id(message);
            else if (message.tag() == 2)
                result.name = text(message);
            else
                message.skip();
        }
        return result;
    }

    static ObjectAttribute attribute(Reader message) {
        ObjectAttribute result;
        while (message.next()) {
            if (message.tag() == 1)
                result.name = text(message);
            else if (message.tag() == 2)
                result.full_name = text(message);
            else if (message.tag() == 3)
                result.key = text(message);
            else
                message.skip();
        }
        return result;
    }

    static SlotReference slot(Reader message) {
        SlotReference result;
        while (message.next()) {
            if (message.tag() == 1)
                result.variable = node_id(message);
            else if (message.tag() == 2)
                result.name = text(message);
            else if (message.tag() == 3)
                result.slot = node_id(message);
            else
                message.skip();
        }
        return result;
    }

    static std::string saver(Reader message) {
        std::string name;
        while (message.next())
            if (message.tag() == 1)
                name = text(message);
            else
                message.skip();
        return name;
    }

    static bool flag(Reader message) {
        bool value = false;
        while (message.next())
            if (message.tag() == 1)
                value = number(message) != 0;
            else
                message.skip();
        return value;
    }

    const Limits& limits_;
    std::uint64_t links_ = 0;
};

void add_text(Writer& message, protozero::pbf_tag_type tag, const std::string& value) {
    if (!value.empty()) message.add_string(tag, value);
}

void add_number(Writer& message, protozero::pbf_tag_type tag, std::uint32_t value) {
    if (value != 0) message.add_uint32(tag, value);
}

/// protozero leaves empty nested messages out when they are written in place, so they are made apart.
std::string node_text(const ObjectNode& node) {
    std::string out, part;
    Writer message(out);
    for (const ObjectReference& child : node.children) {
        part.clear();
        Writer reference(part);
        add_number(reference, 1, child.node);
        add_text(reference, 2, child.name);
        message.add_message(1, part);
    }
    for (const ObjectAttribute& attribute : node.attributes) {
        part.clear();
        Writer tensor(part);
        add_text(tensor, 1, attribute.name);
        add_text(tensor, 2, attribute.full_name);
        add_text(tensor, 3, attribute.key);
        message.add_message(2, part);
    }
    for (const SlotReference& slot : node.slots) {
        part.clear();
        Writer reference(part);
        add_number(reference, 1, slot.variable);
        add_text(reference, 2, slot.name);
        add_number(reference, 3, slot.slot);
        message.add_message(3, part);
    }
    message.add_message(5, node.has_values ? std::string("\x08\x01", 2) : std::string());
    return out;
}

}  // namespace

ObjectGraph read_graph(std::string_view message, const Limits& limits) {
    return guarded("the object graph", [&] { return GraphReader(limits).read(message); });
}

std::string write_graph(const ObjectGraph& graph) {
    std::string out;
    Writer message(out);
    for (const ObjectNode& node : graph.nodes)
        message.add_message(1, node_text(node));
    return out;
}

}  // namespace ballast::proto
