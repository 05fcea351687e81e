// SPDX-License-Identifier: Apache-2.0
// The fill value and layout messages of datasets.
#include "container/hdf5/write_storage.h"

#include "container/hdf5/write_chunks.h"
#include "container/hdf5/write_messages.h"

namespace ballast::hdf5::writer {
namespace {

constexpr std::uint16_t fill_body = 8, layout_body = 24;
static_assert(storage_messages_size == 2 * format::message_v1_prefix + fill_body + layout_body);

constexpr std::uint8_t fill_version = 2, allocate_late = 2, allocate_as_needed = 3, write_if_set = 2,
                       defined = 1;
constexpr std::uint8_t layout_version = 3;

}  // namespace

void encode_storage_messages(Encoder& out, std::uint64_t address, std::uint64_t length) {
    encode_message_header(out, Message::fill, fill_body);
    out.u8(fill_version).u8(allocate_late).u8(write_if_set).u8(defined).u32(0);

    encode_message_header(out, Message::layout, layout_body);
    constexpr auto contiguous = static_cast<std::uint8_t>(format::LayoutClass::contiguous);
    out.u8(layout_version).u8(contiguous).u64(address).u64(length).zeros(6);
}

void encode_chunked_messages(Encoder& out, std::uint64_t index, const ChunkedTarget& target) {
    encode_message_header(out, Message::fill, fill_body);
    out.u8(fill_version).u8(allocate_as_needed).u8(write_if_set).u8(defined).u32(0);

    Encoder body;
    constexpr auto chunked = static_cast<std::uint8_t>(format::LayoutClass::chunked);
    const Shape& chunk = target.chunk_shape;
    body.u8(layout_version).u8(chunked).u8(static_cast<std::uint8_t>(chunk.rank() + 1)).u64(index);
    for (const std::uint64_t dim : chunk)
        body.u32(static_cast<std::uint32_t>(dim));
    body.u32(static_cast<std::uint32_t>(byte_size(target.value.dtype(), 1))).pad();
    encode_message_header(out, Message::layout, static_cast<std::uint16_t>(body.size()));
    out.raw(body.bytes());

    body.clear();
    encode_pipeline(body, target.codec->filters());
    encode_message_header(out, Message::filters, static_cast<std::uint16_t>(body.size()));
    out.raw(body.bytes());
}

std::uint32_t chunked_messages_size(const ChunkedTarget& target) {
    Encoder out;
    encode_chunked_messages(out, 0, target);
    return static_cast<std::uint32_t>(out.size());
}

}  // namespace ballast::hdf5::writer
