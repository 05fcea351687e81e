// SPDX-License-Identifier: Apache-2.0
// The version 1 B-tree that lists the chunks of a dataset.
#include <array>

#include "container/hdf5/parse_chunk_index.h"

namespace ballast::hdf5 {

namespace {

constexpr std::string_view name = "a chunk B-tree node";

class ChunkTree {
public:
    ChunkTree(Metadata& metadata, const ChunkedData& data, ChunkCollector& out)
        : metadata_(metadata), data_(data), out_(out) {}

    void read() {
        pending_.push_back({data_.layout->address, unknown_level});
        while (!pending_.empty()) {
            const Node node = pending_.back();
            pending_.pop_back();
            if (!seen_.insert(node.position)) {
                throw Error(ErrorCode::damaged, "HDF5: two chunk B-tree nodes have one child")
                    .at(node.position);
            }
            read_node(node);
        }
    }

private:
    struct Node {
        std::uint64_t position;
        int level;
    };
    static constexpr int unknown_level = -1;

    void read_node(Node node) {
        const std::size_t child_size = metadata_.geometry.offset_size;
        const std::size_t key_size = 8 + 8 * (data_.shape.rank() + 1);
        std::array<std::byte, format::tree_prefix> bytes{};
        const auto head = std::span(bytes).first(8 + 2 * child_size);
        metadata_.read(node.position, head, name);
        Cursor cursor(head, node.position, name);
        cursor.expect(format::tree);
        if (cursor.u8() != static_cast<std::uint8_t>(format::TreeType::chunks))
            cursor.fail("is not one of chunks");
        const int level = cursor.u8();
        const std::size_t used = cursor.u16();
        if (node.level != unknown_level && level != node.level)
            cursor.fail("has another level than its parent says");
        if (used > std::size_t{2} * metadata_.geometry.chunk_k) cursor.fail("has more children than fit");
        const std::uint64_t start = node.position + head.size();
        Cursor entries(metadata_.read(start, used * (key_size + child_size), buffer_, name), start, name);
        for (std::size_t i = 0; i < used; ++i) {
            if (level == 0) {
                read_chunk(entries);
            } else {
                entries.skip(key_size);
                pending_.push_back({metadata_.defined_address(entries), level - 1});
            }
        }
    }

    void read_chunk(Cursor& cursor) {
        StoredChunk chunk;
        chunk.length = cursor.u32();
        chunk.filter_mask = cursor.u32();
        ChunkCollector::Coordinates at{};
        for (std::size_t axis = 0; axis < data_.shape.rank(); ++axis) {
            const std::uint64_t offset = cursor.u64();
            if (offset % data_.chunk[axis] != 0)
                cursor.fail("has a chunk at no multiple of the chunk's size");
            at[axis] = offset / data_.chunk[axis];
        }
        if (cursor.u64() != 0) cursor.fail("has a chunk that begins within an element");
        chunk.address = metadata_.defined_address(cursor);
        out_.add(at, chunk, cursor);
    }

    Metadata& metadata_;
    const ChunkedData& data_;
    ChunkCollector& out_;
    std::vector<Node> pending_;
    std::vector<std::byte> buffer_;
    PositionSet seen_;
};

}  // namespace

void read_chunk_btree1(Metadata& metadata, const ChunkedData& data, ChunkCollector& out) {
    ChunkTree(metadata, data, out).read();
}

}  // namespace ballast::hdf5
