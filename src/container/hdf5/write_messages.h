// SPDX-License-Identifier: Apache-2.0
// Object header messages: their headers, attribute messages, and the limits of both.
// Functions over values; a Description is changed by the one thread that builds it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "container/hdf5/write_records.h"
#include "container/hdf5/write_types.h"

namespace ballast::hdf5::writer {

using format::Message;

inline constexpr std::uint32_t max_messages = 65535;
inline constexpr std::uint16_t symbol_table_body = 16;

/// Type, size, flags. `body` is the padded size of what follows.
void encode_message_header(Encoder& out, Message type, std::uint16_t body);
/// Version, message count, one reference, size of all messages.
void encode_object_prefix(Encoder& out, std::uint16_t messages, std::uint32_t header_size);

/// Dataspace and datatype messages of a dataset.
void encode_value_messages(Encoder& out, DType dtype, const Shape& shape);

/// The form of an attribute of that name, type and space, made on first use. `type` is an encoded datatype
/// whose elements take `element_size` bytes. Throws limit_exceeded when the message would be too long.
std::uint32_t attribute_form(Description& file, std::string_view name, std::span<const std::byte> type,
                             std::uint64_t element_size, const Shape& shape, bool strings);

/// Bytes an attribute's message body takes, given unpadded sizes of its parts.
std::uint64_t attribute_body_size(std::size_t name_length, std::size_t type_size, std::size_t rank,
                                  std::uint64_t data_size) noexcept;

/// How many parts numpy.array_split needs so that each, as an array of `width`-byte strings, stays within
/// `limit`. 0 < width <= limit.
std::size_t parts_needed(std::size_t count, std::size_t width, std::size_t limit) noexcept;
/// Size of part `part` of `parts` when numpy.array_split divides `count` items: the first ones get one more.
constexpr std::size_t part_size(std::size_t count, std::size_t parts, std::size_t part) noexcept {
    return count / parts + (part < count % parts ? 1 : 0);
}

}  // namespace ballast::hdf5::writer
