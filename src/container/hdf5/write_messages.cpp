// SPDX-License-Identifier: Apache-2.0
// Object header messages and attribute forms.
#include "container/hdf5/write_messages.h"

#include <utility>

#include "ballast/error.h"
#include "core/checked.h"

namespace ballast::hdf5::writer {
namespace {

constexpr std::uint64_t attribute_header_size = 8;

std::uint64_t space_size(std::size_t rank) noexcept {
    return 8 + 16 * std::uint64_t{rank};
}

/// The number of a text in a table, the next free one when it is new. The text is copied to the arena then.
std::uint32_t number_of(Description& file, std::unordered_map<std::string_view, std::uint32_t>& numbers,
                        std::string_view text) {
    if (const auto known = numbers.find(text); known != numbers.end()) return known->second;
    const std::string_view kept(file.arena.store(text), text.size());
    return numbers.emplace(kept, static_cast<std::uint32_t>(numbers.size())).first->second;
}

Error too_long(std::string_view name, std::uint64_t size) {
    return Error(ErrorCode::limit_exceeded,
                 "attribute '" + std::string(name) + "' needs " + std::to_string(size) +
                     " bytes; an HDF5 header message holds " + std::to_string(format::largest_message))
        .hint("store long data as a dataset, or text as one string");
}

}  // namespace

void encode_message_header(Encoder& out, Message type, std::uint16_t body) {
    const bool constant = type == Message::datatype || type == Message::fill;
    out.u16(static_cast<std::uint16_t>(type))
        .u16(body)
        .u8(constant ? format::message_flag::constant : 0)
        .zeros(3);
}

void encode_object_prefix(Encoder& out, std::uint16_t messages, std::uint32_t header_size) {
    constexpr std::uint8_t version = 1;
    constexpr std::uint32_t references = 1;
    out.u8(version)
        .u8(0)
        .u16(messages)
        .u32(references)
        .u32(header_size - static_cast<std::uint32_t>(format::header_v1_prefix))
        .u32(0);
}

void encode_value_messages(Encoder& out, DType dtype, const Shape& shape) {
    Encoder body;
    encode_dataspace(body, shape);
    encode_message_header(out, Message::dataspace, static_cast<std::uint16_t>(body.size()));
    out.raw(body.bytes());

    body.clear();
    encode_datatype(body, dtype);
    body.pad();
    encode_message_header(out, Message::datatype, static_cast<std::uint16_t>(body.size()));
    out.raw(body.bytes());
}

std::uint64_t attribute_body_size(std::size_t name_length, std::size_t type_size, std::size_t rank,
                                  std::uint64_t data_size) noexcept {
    return attribute_header_size + pad8(name_length + 1) + pad8(type_size) + space_size(rank) +
           pad8(data_size);
}

std::uint32_t attribute_form(Description& file, std::string_view name, std::span<const std::byte> type,
                             std::uint64_t element_size, const Shape& shape, bool strings) {
    if (name.empty() || name.find('\0') != std::string_view::npos) {
        throw Error(ErrorCode::invalid_argument, "an attribute needs a name without NUL");
    }
    const auto data_size = checked_multiply(shape.element_count(), element_size);
    if (!data_size || *data_size > format::largest_message || name.size() > format::largest_message) {
        throw too_long(name, data_size.value_or(~std::uint64_t{0}));
    }
    const std::uint64_t body = attribute_body_size(name.size(), type.size(), shape.rank(), *data_size);
    if (body > format::largest_message) throw too_long(name, body);

    Encoder out;
    constexpr std::uint8_t version = 1;
    encode_message_header(out, Message::attribute, static_cast<std::uint16_t>(body));
    out.u8(version).u8(0).u16(static_cast<std::uint16_t>(name.size() + 1));
    out.u16(static_cast<std::uint16_t>(type.size()))
        .u16(static_cast<std::uint16_t>(space_size(shape.rank())));
    out.text(name).zeros(1).pad().raw(type).pad();
    encode_dataspace(out, shape);

    const auto bytes = std::as_bytes(out.bytes());
    const std::uint32_t number =
        number_of(file, file.form_numbers, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    if (number == file.forms.size()) {
        AttributeForm form;
        form.message_size = static_cast<std::uint32_t>(format::message_v1_prefix + body);
        form.data_size = static_cast<std::uint32_t>(*data_size);
        form.name = number_of(file, file.name_numbers, name);
        form.strings = strings;
        const auto kept = file.form_numbers.find({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
        form.prefix = kept->first;
        file.forms.push_back(form);
    }
    return number;
}

std::size_t parts_needed(std::size_t count, std::size_t width, std::size_t limit) noexcept {
    // The first part is the largest: ceil(count / parts) items.
    const std::size_t fitting = limit / width;
    return count == 0 ? 1 : (count + fitting - 1) / fitting;
}

}  // namespace ballast::hdf5::writer
