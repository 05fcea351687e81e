// SPDX-License-Identifier: Apache-2.0
// Following shared messages, see parse_shared.h.
#include "container/hdf5/parse_shared.h"

#include <algorithm>

#include "container/hdf5/read_checksum.h"

namespace ballast::hdf5 {

namespace {

using format::Message;

constexpr std::string_view table_name = "the table of shared messages";
constexpr std::size_t heap_id_length = 8, most_indexes = 8;

}  // namespace

Cursor SharedReader::body(const ObjectHeader& header, const HeaderMessage& message,
                          std::string_view structure) {
    Cursor cursor = header.cursor(message, structure);
    return message.shared() ? follow(cursor, static_cast<Message>(message.type), structure) : cursor;
}

Cursor SharedReader::follow(Cursor& reference, Message type, std::string_view structure) {
    const int version = reference.u8();
    const int kind = reference.u8();
    if (version == 1) {
        reference.skip(6);
        reference.skip(metadata_.geometry.length_size);
    } else if (version == 3 && kind == 1) {
        const std::uint64_t position = reference.position();
        return in_heap(reference.take(heap_id_length), position, type, structure);
    } else if (version != 2 && version != 3) {
        reference.unsupported("is shared in an unknown way (version " + std::to_string(version) + ")");
    }
    header_.read(metadata_, metadata_.defined_address(reference));
    const HeaderMessage* message = header_.find(type);
    if (message == nullptr) reference.fail("refers to an object without such a message");
    if (message->shared()) reference.fail("refers to a message that refers to another");
    return keep(header_.body(*message), message->position, type, structure);
}

Cursor SharedReader::in_heap(std::span<const std::byte> id, std::uint64_t id_position, Message type,
                             std::string_view structure) {
    if (!table_read_) read_table();
    const auto bit = 1u << static_cast<unsigned>(type);
    const auto index =
        std::find_if(indexes_.begin(), indexes_.end(), [&](const Index& i) { return (i.types & bit) != 0; });
    if (index == indexes_.end() || index->heap == format::undefined) {
        throw Error(ErrorCode::damaged,
                    "HDF5: " + std::string(structure) + " is shared and its file has no heap for it")
            .at(id_position);
    }
    if (!index->open) index->open = std::make_unique<FractalHeap>(metadata_, index->heap);
    const FractalHeap::Found found = index->open->object(id, id_position);
    return keep(found.bytes, found.position, type, structure);
}

Cursor SharedReader::keep(std::span<const std::byte> bytes, std::uint64_t position, Message type,
                          std::string_view structure) {
    std::vector<std::byte>& buffer = kept_[static_cast<std::size_t>(type)];
    buffer.assign(bytes.begin(), bytes.end());
    return {buffer, position, structure};
}

void SharedReader::read_table() {
    const std::uint64_t position = metadata_.geometry.shared_table;
    const std::size_t count = metadata_.geometry.shared_indexes, o = metadata_.geometry.offset_size;
    if (position == format::undefined) {
        table_read_ = true;
        return;
    }
    std::vector<std::byte> buffer;
    const auto bytes = metadata_.read(position, 4 + count * (14 + 2 * o) + 4, buffer, table_name);
    Cursor cursor(bytes, position, table_name);
    cursor.expect(format::shared_message_table);
    verify_checksum(bytes, position, table_name);
    if (count > most_indexes) cursor.fail("lists more than 8 indexes");
    indexes_.clear();
    for (std::size_t i = 0; i < count; ++i) {
        if (const int version = cursor.u8(); version != 0) {
            cursor.unsupported("has version " + std::to_string(version));
        }
        cursor.skip(1);  // list or B-tree: the heap is enough for reading
        Index& index = indexes_.emplace_back();
        index.types = cursor.u16();
        cursor.skip(10);  // when to share, and how many there are
        cursor.skip(o);   // the list or B-tree
        index.heap = metadata_.address(cursor);
    }
    table_read_ = true;
}

}  // namespace ballast::hdf5
