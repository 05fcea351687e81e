// SPDX-License-Identifier: Apache-2.0
// The index of chunked datasets, see write_chunks.h.
#include "container/hdf5/write_chunks.h"

#include <algorithm>

#include "ballast/error.h"

namespace ballast::hdf5::writer {
namespace {

constexpr std::uint64_t children_of_node = 64;  // twice the K that version 0 superblocks imply for chunks

std::uint64_t divide_up(std::uint64_t value, std::uint64_t divisor) noexcept {
    return (value + divisor - 1) / divisor;
}

/// Writes the nodes of one index.
class TreeEncoder {
public:
    TreeEncoder(const ChunkTree& tree, std::uint64_t address, const ChunkedTarget& target,
                std::span<const PieceResult> places)
        : tree_(tree), address_(address), target_(target), places_(places), bytes_(tree.size()) {}

    std::vector<std::byte> run() {
        std::uint64_t chunks_each = 1;  // below one child
        for (std::size_t level = 0; level < tree_.levels; ++level) {
            for (std::uint64_t number = 0; number < tree_.nodes[level]; ++number)
                node(level, number, chunks_each);
            chunks_each *= children_of_node;
        }
        return std::move(bytes_);
    }

private:
    void node(std::size_t level, std::uint64_t number, std::uint64_t chunks_each) {
        const std::uint64_t below = level == 0 ? tree_.chunks : tree_.nodes[level - 1];
        const std::uint64_t first = number * children_of_node;
        const std::uint64_t last = std::min(first + children_of_node, below);
        const auto sibling = [&](bool exists, std::uint64_t which) {
            return exists ? address_ + tree_.node(level, which) : format::undefined;
        };
        Encoder out;
        out.text(format::tree)
            .u8(static_cast<std::uint8_t>(format::TreeType::chunks))
            .u8(static_cast<std::uint8_t>(level))
            .u16(static_cast<std::uint16_t>(last - first));
        out.u64(sibling(number > 0, number - 1)).u64(sibling(number + 1 < tree_.nodes[level], number + 1));
        for (std::uint64_t i = first; i < last; ++i) {
            key(out, i * chunks_each);
            out.u64(level == 0 ? places_[i].offset : address_ + tree_.node(level - 1, i));
        }
        key(out, last * chunks_each);
        const auto encoded = out.bytes();
        std::copy(encoded.begin(), encoded.end(),
                  bytes_.begin() + static_cast<std::ptrdiff_t>(tree_.node(level, number)));
    }

    /// The key of a chunk; of the one behind the last, what h5py's library writes there.
    void key(Encoder& out, std::uint64_t chunk) const {
        const Shape& shape = target_.value.shape();
        const bool behind = chunk >= tree_.chunks;
        std::uint64_t position = behind ? tree_.chunks - 1 : chunk;
        std::array<std::uint64_t, Shape::max_rank> offsets{};
        for (std::size_t axis = shape.rank(); axis-- > 0;) {
            const std::uint64_t along = divide_up(shape[axis], target_.chunk_shape[axis]);
            offsets[axis] = (position % along + (behind ? 1 : 0)) * target_.chunk_shape[axis];
            position /= along;
        }
        out.u32(behind ? 0 : static_cast<std::uint32_t>(places_[chunk].length)).u32(0);
        for (std::size_t axis = 0; axis < shape.rank(); ++axis)
            out.u64(offsets[axis]);
        out.u64(behind ? byte_size(target_.value.dtype(), 1) : 0);
    }

    const ChunkTree& tree_;
    std::uint64_t address_;
    const ChunkedTarget& target_;
    std::span<const PieceResult> places_;
    std::vector<std::byte> bytes_;
};

std::string_view filter_name(std::uint16_t id) {
    switch (id) {
        case Filter::deflate:
            return "deflate";
        case Filter::shuffle:
            return "shuffle";
        default:
            return "zstd";
    }
}

}  // namespace

Shape chunk_shape_for(const Shape& shape, std::uint64_t element_size, std::uint64_t wanted) {
    std::vector<std::uint64_t> dims(shape.begin(), shape.end());
    std::uint64_t row = element_size;  // bytes of one step along the axis at hand
    for (std::size_t axis = dims.size(); axis-- > 0;) {
        const std::uint64_t fitting = std::max<std::uint64_t>(1, wanted / row);
        dims[axis] = std::min(dims[axis], fitting);
        row *= dims[axis];
    }
    return Shape(std::span<const std::uint64_t>(dims));
}

std::uint64_t chunk_count(const Shape& shape, const Shape& chunk_shape) {
    std::uint64_t count = 1;
    for (std::size_t axis = 0; axis < shape.rank(); ++axis)
        count *= divide_up(shape[axis], chunk_shape[axis]);
    return count;
}

std::uint64_t ChunkTree::node(std::size_t level, std::uint64_t number) const noexcept {
    std::uint64_t before = number;
    for (std::size_t above = level + 1; above < levels; ++above)
        before += nodes[above];
    return before * node_size;
}

ChunkTree chunk_tree(std::uint64_t chunks, std::size_t rank) {
    ChunkTree tree;
    tree.chunks = chunks;
    const std::uint64_t key = 8 + 8 * (std::uint64_t{rank} + 1);
    tree.node_size = format::tree_prefix + children_of_node * 8 + (children_of_node + 1) * key;
    tree.nodes[0] = divide_up(chunks, children_of_node);
    while (tree.nodes[tree.levels - 1] > 1) {
        tree.nodes[tree.levels] = divide_up(tree.nodes[tree.levels - 1], children_of_node);
        ++tree.levels;
    }
    return tree;
}

std::vector<std::byte> encode_chunk_tree(const ChunkTree& tree, std::uint64_t address,
                                         const ChunkedTarget& target, std::span<const PieceResult> places) {
    return TreeEncoder(tree, address, target, places).run();
}

void encode_pipeline(Encoder& out, std::span<const Filter> filters) {
    constexpr std::uint8_t version = 1;
    constexpr std::uint16_t optional = 1;
    out.u8(version).u8(static_cast<std::uint8_t>(filters.size())).zeros(6);
    for (const Filter& filter : filters) {
        const std::string_view name = filter_name(filter.id);
        const std::uint64_t length = pad8(name.size() + 1);
        out.u16(filter.id).u16(static_cast<std::uint16_t>(length)).u16(optional);
        out.u16(static_cast<std::uint16_t>(filter.values.size()));
        out.text(name).zeros(length - name.size());
        for (const std::uint32_t value : filter.values)
            out.u32(value);
        if (filter.values.size() % 2 != 0) out.u32(0);
    }
    out.pad();
}

}  // namespace ballast::hdf5::writer
