// SPDX-License-Identifier: Apache-2.0
// Object headers: prefixes, message lists, continuation blocks.
#include "container/hdf5/parse_header.h"

#include <algorithm>

#include "container/hdf5/read_checksum.h"
#include "core/checked.h"

namespace ballast::hdf5 {

namespace {

using format::Message;

constexpr std::string_view name = "an object header", continuation = "an object header's continuation";
constexpr std::uint64_t largest_header = 64ull << 20;
constexpr std::size_t most_messages = 65535;

constexpr Message single[] = {Message::dataspace,     Message::link_info,      Message::datatype,
                              Message::old_fill,      Message::fill,           Message::layout,
                              Message::filters,       Message::external_files, Message::symbol_table,
                              Message::attribute_info};

constexpr bool is_single(std::uint16_t type) {
    return std::find(std::begin(single), std::end(single), static_cast<Message>(type)) != std::end(single);
}

}  // namespace

const HeaderMessage* ObjectHeader::find(Message type) const noexcept {
    const std::uint16_t index = first_[static_cast<std::size_t>(type)];
    return index == none ? nullptr : &messages_[index];
}

void ObjectHeader::read(Metadata& metadata, std::uint64_t position) {
    position_ = position;
    used_ = 0;
    messages_.clear();
    first_.fill(none);
    pending_.clear();
    seen_.clear();
    std::array<std::byte, 4> start{};
    metadata.read(position, start, name);
    if (text_of(start) == format::header_v2) {
        read_v2(metadata);
    } else {
        read_v1(metadata);
    }
}

/// Appends a block's bytes to the buffer.
std::span<const std::byte> ObjectHeader::load(Metadata& metadata, Block block) {
    if (block.length > largest_header - used_) {
        throw Error(ErrorCode::limit_exceeded, "HDF5: an object header is larger than 64 MiB").at(position_);
    }
    metadata.require(block.position, block.length, name);
    const auto length = static_cast<std::size_t>(block.length);
    if (bytes_.size() < used_ + length) bytes_.resize(used_ + length);
    const auto loaded = std::span(bytes_).subspan(used_, length);
    metadata.read(block.position, loaded, name);
    used_ += length;
    return loaded;
}

void ObjectHeader::add(Metadata& metadata, const HeaderMessage& message) {
    if (messages_.size() == most_messages) {
        throw Error(ErrorCode::damaged, "HDF5: an object header holds more than 65535 messages")
            .at(message.position);
    }
    const auto index = static_cast<std::uint16_t>(messages_.size());
    if (message.type < first_.size()) {
        if (first_[message.type] == none) {
            first_[message.type] = index;
        } else if (is_single(message.type)) {
            throw Error(ErrorCode::damaged, "HDF5: an object header holds message " +
                                                std::to_string(message.type) + " twice, which may occur once")
                .at(message.position);
        }
    }
    messages_.push_back(message);
    if (static_cast<Message>(message.type) != Message::continuation) return;
    Cursor cursor = this->cursor(message, "a continuation message");
    const Block next{metadata.defined_address(cursor), metadata.length(cursor)};
    metadata.require(next.position, next.length, continuation);
    if (!seen_.insert(next.position)) cursor.fail("leads back to a block met before");
    pending_.push_back(next);
}

void ObjectHeader::read_v1(Metadata& metadata) {
    std::array<std::byte, format::header_v1_prefix> prefix{};
    metadata.read(position_, prefix, name);
    Cursor cursor(prefix, position_, name);
    const int version = cursor.u8();
    if (version != 1) cursor.fail("has version " + std::to_string(version) + ", known are 1 and 2");
    cursor.skip(1);
    const std::size_t count = cursor.u16();
    cursor.skip(4);  // reference count
    const std::uint64_t length = cursor.u32();
    messages_v1(metadata, {position_ + format::header_v1_prefix, length}, count);
    for (std::size_t i = 0; i < pending_.size(); ++i)
        messages_v1(metadata, pending_[i], count);
}

void ObjectHeader::messages_v1(Metadata& metadata, Block block, std::size_t most) {
    const std::size_t start = used_;
    Cursor cursor(load(metadata, block), block.position, name);
    while (cursor.remaining() >= format::message_v1_prefix) {
        HeaderMessage message;
        message.type = cursor.u16();
        message.size = cursor.u16();
        message.flags = cursor.u8();
        cursor.skip(3);
        if (message.size % 8 != 0) cursor.fail("holds a message whose size is no multiple of 8");
        message.offset = static_cast<std::uint32_t>(start + cursor.consumed());
        message.position = cursor.position();
        cursor.skip(message.size);
        if (messages_.size() == most) cursor.fail("holds more messages than it says");
        add(metadata, message);
    }
}

void ObjectHeader::read_v2(Metadata& metadata) {
    // The prefix is at most 4 + 1 + 1 + 16 + 4 + 8 bytes; the first block follows it, then the checksum of
    // both.
    std::array<std::byte, 34> prefix{};
    const std::uint64_t available = std::min<std::uint64_t>(prefix.size(), metadata.file_size() - position_);
    const auto head = std::span(prefix).first(static_cast<std::size_t>(available));
    metadata.read(position_, head, name);
    Cursor cursor(head, position_, name);
    cursor.expect(format::header_v2);
    if (const int version = cursor.u8(); version != 2)
        cursor.unsupported("has version " + std::to_string(version));
    const unsigned flags = cursor.u8();
    if ((flags & 0xc0) != 0) cursor.unsupported("has unknown flags");
    if ((flags & 0x20) != 0) cursor.skip(16);  // times
    if ((flags & 0x10) != 0) cursor.skip(4);   // when to switch to dense attributes
    const std::uint64_t length = cursor.number(std::size_t{1} << (flags & 3));
    const std::size_t prefix_size = cursor.consumed();
    const auto whole = checked_add(length, prefix_size + 4);
    if (!whole) cursor.fail("has an impossible length");
    const bool with_order = (flags & 0x04) != 0;
    messages_v2(metadata, {position_, *whole}, prefix_size, with_order);
    for (std::size_t i = 0; i < pending_.size(); ++i) {
        const Block block = pending_[i];
        if (block.length < 8) cursor.fail("has a continuation of less than 8 bytes");
        messages_v2(metadata, block, format::header_continuation.size(), with_order);
    }
}

void ObjectHeader::messages_v2(Metadata& metadata, Block block, std::size_t prefix, bool with_order) {
    const std::size_t start = used_;
    const auto loaded = load(metadata, block);
    verify_checksum(loaded, block.position, name);
    Cursor cursor(loaded.first(loaded.size() - 4), block.position, name);
    if (block.position != position_) {
        cursor.expect(format::header_continuation);
    } else {
        cursor.skip(prefix);
    }
    const std::size_t message_prefix = with_order ? 6 : 4;
    while (cursor.remaining() >= message_prefix) {
        HeaderMessage message;
        message.type = cursor.u8();
        message.size = cursor.u16();
        message.flags = cursor.u8();
        if (with_order) cursor.skip(2);
        message.offset = static_cast<std::uint32_t>(start + cursor.consumed());
        message.position = cursor.position();
        cursor.skip(message.size);
        add(metadata, message);
    }
}

void ObjectHeader::check_known() const {
    for (const HeaderMessage& message : messages_) {
        if (message.type < format::message_count ||
            (message.flags & format::message_flag::fail_if_unknown) == 0)
            continue;
        throw Error(ErrorCode::unsupported, "HDF5: an object header holds message " +
                                                std::to_string(message.type) +
                                                ", which is unknown and must not be ignored")
            .at(message.position);
    }
}

}  // namespace ballast::hdf5
