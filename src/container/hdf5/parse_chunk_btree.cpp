// SPDX-License-Identifier: Apache-2.0
// The version 1 B-tree that lists the chunks of a dataset.
#include <algorithm>
#include <array>

#include "container/hdf5/parse_layout.h"
#include "core/checked.h"

namespace ballast::hdf5 {

namespace {

constexpr std::string_view name = "a chunk B-tree node";

class ChunkTree {
public:
    ChunkTree(Metadata& metadata, const ChunkedData& data) : metadata_(metadata), data_(data) {
        std::uint64_t stride = 1;
        for (std::size_t axis = data.shape.rank(); axis-- > 0;) {
            strides_[axis] = stride;
            stride *= (data.shape[axis] - 1) / data.chunk[axis] + 1;  // at most the number of elements: fits
        }
    }

    std::vector<Chunk> read() {
        pending_.push_back({data_.address, unknown_level});
        while (!pending_.empty()) {
            const Node node = pending_.back();
            pending_.pop_back();
            if (!seen_.insert(node.position)) {
                throw Error(ErrorCode::damaged, "HDF5: two chunk B-tree nodes have one child").at(node.position);
            }
            read_node(node);
        }
        const auto by_index = [](const Chunk& a, const Chunk& b) { return a.grid_index < b.grid_index; };
        if (!std::is_sorted(chunks_.begin(), chunks_.end(), by_index)) {
            std::sort(chunks_.begin(), chunks_.end(), by_index);
        }
        const auto twin = std::adjacent_find(chunks_.begin(), chunks_.end(), [](const Chunk& a, const Chunk& b) {
            return a.grid_index == b.grid_index;
        });
        if (twin != chunks_.end()) {
            throw Error(ErrorCode::damaged, "HDF5: a dataset has two chunks at one place").at(twin->offset);
        }
        return std::move(chunks_);
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
        if (cursor.u8() != static_cast<std::uint8_t>(format::TreeType::chunks)) cursor.fail("is not one of chunks");
        const int level = cursor.u8();
        const std::size_t used = cursor.u16();
        if (node.level != unknown_level && level != node.level) cursor.fail("has another level than its parent says");
        if (used > 2u * metadata_.geometry.chunk_k) cursor.fail("has more children than fit");
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
        Chunk chunk;
        chunk.length = cursor.u32();
        chunk.filter_mask = cursor.u32();
        bool inside = true;
        for (std::size_t axis = 0; axis < data_.shape.rank(); ++axis) {
            const std::uint64_t offset = cursor.u64();
            if (offset % data_.chunk[axis] != 0) cursor.fail("has a chunk at no multiple of the chunk's size");
            inside = inside && offset < data_.shape[axis];
            chunk.grid_index += inside ? offset / data_.chunk[axis] * strides_[axis] : 0;
        }
        if (cursor.u64() != 0) cursor.fail("has a chunk that begins within an element");
        chunk.offset = metadata_.defined_address(cursor);
        if (!inside) return;  // left over from before the dataset was made smaller
        metadata_.require(chunk.offset, chunk.length, "a chunk");
        const std::uint32_t all = data_.filter_count >= 32 ? ~0u : (1u << data_.filter_count) - 1;
        if ((chunk.filter_mask & all) == all && chunk.length != data_.chunk_bytes) {
            cursor.fail("has an unfiltered chunk of " + std::to_string(chunk.length) + " instead of " +
                        std::to_string(data_.chunk_bytes) + " bytes");
        }
        metadata_.charge(sizeof(Chunk));
        chunks_.push_back(chunk);
    }

    Metadata& metadata_;
    const ChunkedData& data_;
    std::array<std::uint64_t, Shape::max_rank> strides_{};
    std::vector<Node> pending_;
    std::vector<std::byte> buffer_;
    std::vector<Chunk> chunks_;
    PositionSet seen_;
};

}  // namespace

std::vector<Chunk> read_chunk_btree(Metadata& metadata, const ChunkedData& data) {
    if (data.address == format::undefined) return {};
    return ChunkTree(metadata, data).read();
}

}  // namespace ballast::hdf5
