// SPDX-License-Identifier: Apache-2.0
// The fill value and layout messages of datasets.
#include "container/hdf5/write_storage.h"

#include "container/hdf5/write_messages.h"

namespace ballast::hdf5::writer {
namespace {

constexpr std::uint16_t fill_body = 8, layout_body = 24;
static_assert(storage_messages_size == 2 * format::message_v1_prefix + fill_body + layout_body);

}  // namespace

void encode_storage_messages(Encoder& out, std::uint64_t address, std::uint64_t length) {
    encode_message_header(out, Message::fill, fill_body);
    constexpr std::uint8_t version = 2, allocate_late = 2, write_if_set = 2, defined = 1;
    out.u8(version).u8(allocate_late).u8(write_if_set).u8(defined).u32(0);

    encode_message_header(out, Message::layout, layout_body);
    constexpr std::uint8_t layout_version = 3,
                           contiguous = static_cast<std::uint8_t>(format::LayoutClass::contiguous);
    out.u8(layout_version).u8(contiguous).u64(address).u64(length).zeros(6);
}

}  // namespace ballast::hdf5::writer
