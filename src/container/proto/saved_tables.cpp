// SPDX-License-Identifier: Apache-2.0
// Reading lookup tables out of saved_model.pb, see saved_tables.h.
#include "container/proto/saved_tables.h"

#include <cstring>
#include <optional>
#include <utility>

#include "container/proto/wire.h"

namespace ballast::proto {
namespace {

// TensorFlow's DataType.
constexpr std::uint64_t type_int32 = 3, type_string = 7, type_int64 = 9;
/// A function takes the table, its keys and its values.
constexpr std::size_t inputs_of_filling = 3;

/// What is needed of the object graph and of the graph of operations; views into the message.
struct Parts {
    std::vector<std::vector<ObjectReference>> children;
    std::map<std::uint32_t, std::string_view> constants;              ///< node -> operation
    std::map<std::uint32_t, std::string_view> functions;              ///< node -> concrete function
    std::map<std::string_view, std::vector<std::uint32_t>> captured;  ///< concrete function -> nodes
    std::map<std::string_view, std::string_view> tensors;             ///< operation -> TensorProto
};

/// Calls use(message) for each field `tag` that holds a message or a text.
template <class Use>
void each(std::string_view message, protozero::pbf_tag_type tag, Use use) {
    Reader reader = message_in(message);
    while (reader.next()) {
        if (reader.tag() == tag)
            use(bytes(reader));
        else
            reader.skip();
    }
}

std::string_view field(std::string_view message, protozero::pbf_tag_type tag) {
    std::string_view found;
    each(message, tag, [&](std::string_view value) { found = value; });
    return found;
}

ObjectReference reference(Reader message) {
    ObjectReference result;
    while (message.next()) {
        if (message.tag() == 1)
            result.node = static_cast<std::uint32_t>(number(message));
        else if (message.tag() == 2)
            result.name = bytes(message);
        else
            message.skip();
    }
    return result;
}

void read_object(std::string_view message, Parts& parts) {
    const auto node = static_cast<std::uint32_t>(parts.children.size());
    std::vector<ObjectReference>& children = parts.children.emplace_back();
    Reader reader = message_in(message);
    while (reader.next()) {
        switch (reader.tag()) {
            case 1:
                children.push_back(reference(message_in(bytes(reader))));
                break;
            case 6:
                parts.functions[node] = field(bytes(reader), 1);
                break;
            case 9:
                parts.constants[node] = field(bytes(reader), 1);
                break;
            default:
                reader.skip();
        }
    }
}

/// An int32 field, packed or not.
template <class Use>
void each_number(Reader& message, Use use) {
    if (message.wire_type() != protozero::pbf_wire_type::length_delimited) return use(number(message));
    for (const std::int64_t value : message.get_packed_int64())
        use(static_cast<std::uint64_t>(value));
}

std::vector<std::uint32_t> bound_inputs(std::string_view message) {
    std::vector<std::uint32_t> nodes;
    Reader reader = message_in(message);
    while (reader.next()) {
        if (reader.tag() == 2)
            each_number(reader,
                        [&](std::uint64_t node) { nodes.push_back(static_cast<std::uint32_t>(node)); });
        else
            reader.skip();
    }
    return nodes;
}

void read_objects(std::string_view message, Parts& parts, const Limits& limits) {
    Reader reader = message_in(message);
    while (reader.next()) {
        if (reader.tag() == 1) {
            if (parts.children.size() >= limits.objects)
                throw Error(ErrorCode::limit_exceeded,
                            "saved_model.pb has more objects than the limit objects");
            read_object(bytes(reader), parts);
        } else if (reader.tag() == 2) {
            const std::string_view entry = bytes(reader);
            auto nodes = bound_inputs(field(entry, 2));
            if (nodes.size() == inputs_of_filling) parts.captured[field(entry, 1)] = std::move(nodes);
        } else {
            reader.skip();
        }
    }
}

void read_operation(std::string_view message, Parts& parts) {
    if (field(message, 2) != "Const") return;
    each(message, 5, [&](std::string_view attribute) {
        if (field(attribute, 1) == "value") parts.tensors[field(message, 1)] = field(field(attribute, 2), 8);
    });
}

template <class Number>
bool take_content(std::string_view content, std::vector<std::int64_t>& numbers) {
    if (content.size() % sizeof(Number) != 0) return false;
    for (std::size_t at = 0; at < content.size(); at += sizeof(Number)) {
        Number value;  // TensorFlow writes the machine's order, and runs on little-endian ones
        std::memcpy(&value, content.data() + at, sizeof(Number));
        numbers.push_back(value);
    }
    return true;
}

/// The one dimension; nothing for tensors of another rank.
std::optional<std::uint64_t> length(std::string_view shape) {
    std::optional<std::uint64_t> size;
    bool list = true;
    each(shape, 2, [&](std::string_view dim) {
        list = list && !size;
        Reader reader = message_in(dim);
        size = 0;
        while (reader.next()) {
            if (reader.tag() == 1)
                size = number(reader);
            else
                reader.skip();
        }
    });
    return list ? size : std::nullopt;
}

/// The last element stands for all that follow.
template <class Element>
bool fill_up(std::vector<Element>& elements, std::uint64_t size, std::uint64_t most) {
    if (elements.size() == size) return true;
    if (elements.empty() || elements.size() > size || size > most) return false;
    elements.resize(static_cast<std::size_t>(size), Element(elements.back()));
    return true;
}

/// A list of texts or whole numbers; nothing for another tensor.
std::optional<TableColumn> column(std::string_view tensor, const Limits& limits) {
    TableColumn result;
    std::uint64_t type = 0;
    std::string_view shape, content;
    Reader reader = message_in(tensor);
    while (reader.next()) {
        switch (reader.tag()) {
            case 1:
                type = number(reader);
                break;
            case 2:
                shape = bytes(reader);
                break;
            case 4:
                content = bytes(reader);
                break;
            case 8:
                result.words.emplace_back(bytes(reader));
                break;
            case 7:
            case 10:
                each_number(reader, [&](std::uint64_t value) {
                    result.numbers.push_back(static_cast<std::int64_t>(value));
                });
                break;
            default:
                reader.skip();
        }
    }
    const auto size = length(shape);
    if (!size) return std::nullopt;
    result.is_text = type == type_string;
    if (type == type_int64 && !take_content<std::int64_t>(content, result.numbers)) return std::nullopt;
    if (type == type_int32 && !take_content<std::int32_t>(content, result.numbers)) return std::nullopt;
    const bool whole = result.is_text ? fill_up(result.words, *size, limits.objects)
                                      : (type == type_int64 || type == type_int32) &&
                                            fill_up(result.numbers, *size, limits.objects);
    return whole ? std::optional(std::move(result)) : std::nullopt;
}

std::optional<TableColumn> constant(const Parts& parts, std::uint32_t node, const Limits& limits) {
    const auto operation = parts.constants.find(node);
    if (operation == parts.constants.end()) return std::nullopt;
    const auto tensor = parts.tensors.find(operation->second);
    return tensor == parts.tensors.end() ? std::nullopt : column(tensor->second, limits);
}

SavedTables tables_of(Parts parts, const Limits& limits) {
    SavedTables result;
    for (std::uint32_t node = 0; node < parts.children.size(); ++node) {
        for (const ObjectReference& child : parts.children[node]) {
            const auto function = parts.functions.find(child.node);
            if (child.name != "_initialize" || function == parts.functions.end()) continue;
            const auto inputs = parts.captured.find(function->second);
            if (inputs == parts.captured.end() || inputs->second.front() != node) continue;
            auto keys = constant(parts, inputs->second[1], limits);
            auto values = constant(parts, inputs->second[2], limits);
            if (keys && values && keys->size() == values->size())
                result.tables[node] = {std::move(*keys), std::move(*values)};
        }
    }
    result.children = std::move(parts.children);
    return result;
}

}  // namespace

SavedTables read_saved_tables(std::string_view message, const Limits& limits) {
    return guarded("saved_model.pb", [&] {
        Parts parts;
        bool first = true;
        each(message, 2, [&](std::string_view meta_graph) {
            if (!std::exchange(first, false)) return;
            each(meta_graph, 7, [&](std::string_view objects) { read_objects(objects, parts, limits); });
            each(meta_graph, 2, [&](std::string_view graph) {
                each(graph, 1, [&](std::string_view operation) { read_operation(operation, parts); });
            });
        });
        return tables_of(std::move(parts), limits);
    });
}

}  // namespace ballast::proto
