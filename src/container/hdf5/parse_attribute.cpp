// SPDX-License-Identifier: Apache-2.0
// Decoding of attributes: strings of both kinds, numbers as they are stored.
#include "container/hdf5/parse_attribute.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "container/hdf5/parse_dense.h"
#include "core/checked.h"

namespace ballast::hdf5 {

namespace {

using format::Message;

constexpr std::string_view name_of_attribute = "an attribute", type_name = "a datatype",
                           space_name = "a dataspace";

}  // namespace

std::string_view without_padding(std::string_view text, format::StringPadding padding) {
    if (padding == format::StringPadding::space_padded) {
        const auto last = text.find_last_not_of(' ');
        return text.substr(0, last == text.npos ? 0 : last + 1);
    }
    if (padding == format::StringPadding::nul_padded) {
        const auto last = text.find_last_not_of('\0');
        return text.substr(0, last == text.npos ? 0 : last + 1);
    }
    return text.substr(0, std::min(text.find('\0'), text.size()));
}

// ---- Types ----

const Datatype& TypeReader::read(Cursor& cursor) {
    const std::uint64_t position = cursor.position();
    const auto bytes = cursor.take(cursor.remaining());
    if (bytes.size() == last_size_ && std::equal(bytes.begin(), bytes.end(), last_bytes_.begin()))
        return last_;
    Cursor again(bytes, position, type_name);
    last_size_ = 0;  // nothing is remembered when the type is bad
    last_ = parse_datatype(metadata_, again);
    last_bytes_.assign(bytes.begin(), bytes.end());
    last_size_ = bytes.size();
    return last_;
}

// ---- Attributes ----

void AttributeReader::read(const ObjectHeader& header, std::vector<Attribute>& out,
                           std::optional<Error>& damage) {
    const std::size_t first = out.size();
    damage_ = &damage;
    for (const HeaderMessage& message : header.messages()) {
        if (static_cast<Message>(message.type) != Message::attribute) continue;
        add(out, [&] { return shared_.body(header, message, name_of_attribute); });
    }
    if (const HeaderMessage* info = header.find(Message::attribute_info)) {
        Cursor cursor = header.cursor(*info, "an attribute info message");
        if (const int version = cursor.u8(); version != 0)
            cursor.unsupported("has version " + std::to_string(version));
        if ((cursor.u8() & 1) != 0) cursor.skip(2);  // largest creation index
        const std::uint64_t heap = metadata_.address(cursor);
        if (heap != format::undefined) {
            const std::uint64_t names = metadata_.defined_address(cursor);
            for_each_dense(metadata_, heap, names, format::Tree2Type::attribute_name,
                           [&](std::span<const std::byte> bytes, std::uint64_t position, std::uint8_t flags) {
                               const bool shared = (flags & format::message_flag::shared) != 0;
                               add(out, [&] {
                                   return shared ? shared_.in_heap(bytes, position, Message::attribute,
                                                                   name_of_attribute)
                                                 : Cursor(bytes, position, name_of_attribute);
                               });
                           });
        }
    }
    check_unique(header, std::span(out).subspan(first));
}

void AttributeReader::check_unique(const ObjectHeader& header, std::span<const Attribute> attributes) {
    if (attributes.size() < 2) return;
    std::vector<std::uint32_t> order(attributes.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(),
              [&](std::uint32_t a, std::uint32_t b) { return attributes[a].name < attributes[b].name; });
    const auto twin = std::adjacent_find(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        return attributes[a].name == attributes[b].name;
    });
    if (twin == order.end()) return;
    throw Error(ErrorCode::damaged,
                "HDF5: an object has two attributes named '" + attributes[*twin].name + "'")
        .at(header.position());
}

/// Parses what `find` finds. An attribute that cannot even be found or named is damage, and not listed.
template <class Find>
void AttributeReader::add(std::vector<Attribute>& out, Find find) {
    try {
        out.push_back(parse(find()));
    } catch (const Error& error) {
        if (metadata_.exhausted() || error.code() == ErrorCode::limit_exceeded) throw;
        if (!*damage_) *damage_ = error;
    }
}

Attribute AttributeReader::parse(Cursor cursor) {
    const int version = cursor.u8();
    if (version < 1 || version > 3) cursor.unsupported("has version " + std::to_string(version));
    const unsigned flags = version == 1 ? (cursor.skip(1), 0u) : cursor.u8();
    const std::size_t name_size = cursor.u16(), type_size = cursor.u16(), space_size = cursor.u16();
    if (version == 3) cursor.skip(1);  // character set of the name
    const auto field = [&](std::size_t size, std::string_view what) {
        const std::uint64_t position = cursor.position();
        const auto bytes = cursor.take(size);
        // Version 1 pads its fields. The last of them may lack the padding when no data follow it.
        if (version == 1) cursor.skip(std::min<std::uint64_t>(align_up(size, 8) - size, cursor.remaining()));
        return Cursor(bytes, position, what);
    };
    Attribute attribute;
    Cursor name = field(name_size, name_of_attribute);
    if (name_size == 0) cursor.fail("has no name");
    attribute.name = name.text();
    if (attribute.name.size() > metadata_.limits().name_bytes) {
        throw Error(ErrorCode::limit_exceeded, "HDF5: an attribute's name is longer than the limit")
            .at(name.position());
    }
    metadata_.charge(sizeof(Attribute) + attribute.name.size());
    Cursor type_field = field(type_size, type_name), space_field = field(space_size, space_name);
    try {
        parse_described(cursor, type_field, space_field, flags, attribute);
    } catch (const Error& error) {
        if (metadata_.exhausted()) throw;
        attribute.problem = error.message();
        attribute.strings.clear();
        attribute.bytes.clear();
        if (error.code() != ErrorCode::unsupported && !*damage_) *damage_ = error;
    }
    return attribute;
}

void AttributeReader::parse_described(Cursor& cursor, Cursor type_field, Cursor space_field, unsigned flags,
                                      Attribute& attribute) {
    if ((flags & 2) != 0) space_field = shared_.follow(space_field, Message::dataspace, space_name);
    const Dataspace space = parse_dataspace(metadata_, space_field);
    attribute.shape = space.shape;
    attribute.is_null = space.is_null;
    if ((flags & 1) != 0) type_field = shared_.follow(type_field, Message::datatype, type_name);
    parse_value(cursor, types_.read(type_field), space, attribute);
}

void AttributeReader::parse_value(Cursor& cursor, const Datatype& type, const Dataspace& space,
                                  Attribute& attribute) {
    attribute.dtype = type.dtype;
    attribute.big_endian = type.big_endian;
    attribute.is_string = type.is_string();
    const auto size = checked_multiply(space.elements, type.size);
    if (!size || *size > cursor.remaining()) cursor.fail("is shorter than its value");
    if (attribute.is_string) return parse_strings(cursor, type, space.elements, attribute);
    if (!type.problem.empty()) {
        attribute.problem = "an attribute of type " + type.name + " is not decoded";
        return;
    }
    const auto bytes = cursor.take(*size);
    metadata_.charge(bytes.size());
    attribute.bytes.assign(bytes.begin(), bytes.end());
}

std::string read_variable_text(Metadata& metadata, GlobalHeap& heap, Cursor& cursor) {
    const VlenReference reference = parse_vlen_reference(metadata, cursor);
    if (reference.count == 0) return {};
    if (reference.count > metadata.limits().attribute_bytes) {
        throw Error(ErrorCode::limit_exceeded, "HDF5: a string has " + std::to_string(reference.count) +
                                                   " bytes, the limit is " +
                                                   std::to_string(metadata.limits().attribute_bytes))
            .at(cursor.position());
    }
    const auto bytes = heap.object(reference.collection, reference.index);
    if (reference.count > bytes.size()) cursor.fail("names a longer string than its heap holds");
    metadata.charge(reference.count);
    const auto text = text_of(bytes.first(reference.count));
    return std::string(text.substr(0, std::min(text.find('\0'), text.size())));
}

void AttributeReader::parse_strings(Cursor& cursor, const Datatype& type, std::uint64_t count,
                                    Attribute& attribute) {
    // The elements are in the message, so their number is bounded by its 64 KiB (or by a heap object's size).
    metadata_.charge(count * sizeof(std::string));
    attribute.strings.reserve(static_cast<std::size_t>(count));
    std::uint64_t total = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        std::string text;
        if (type.vlen_string) {
            text = read_variable_text(metadata_, heap_, cursor);
        } else {
            metadata_.charge(type.size);
            text = without_padding(text_of(cursor.take(type.size)), type.padding);
        }
        total += text.size();
        if (total > metadata_.limits().attribute_bytes) {
            throw Error(ErrorCode::limit_exceeded,
                        "HDF5: attribute '" + attribute.name + "' is larger than the limit of " +
                            std::to_string(metadata_.limits().attribute_bytes) + " bytes")
                .at(cursor.position());
        }
        attribute.strings.push_back(std::move(text));
    }
}

}  // namespace ballast::hdf5
