// SPDX-License-Identifier: Apache-2.0
// Dense storage: the tree lists heap IDs, the heap holds the messages.
#include "container/hdf5/parse_dense.h"

#include "container/hdf5/parse_btree2.h"
#include "container/hdf5/parse_fractal_heap.h"

namespace ballast::hdf5 {

namespace {

constexpr std::size_t link_id_length = 7, attribute_id_length = 8;

}  // namespace

void for_each_dense(Metadata& metadata, std::uint64_t heap_position, std::uint64_t tree,
                    format::Tree2Type type, const DenseVisitor& visit) {
    FractalHeap heap(metadata, heap_position);
    const bool links = type == format::Tree2Type::link_name;
    const std::size_t id_length = links ? link_id_length : attribute_id_length;
    if (heap.id_length() != id_length) {
        throw Error(ErrorCode::damaged, "HDF5: a fractal heap has IDs of another length than its B-tree")
            .at(heap_position);
    }
    // Links: hash, ID. Attributes: ID, message flags, creation order, hash.
    const std::size_t record_size = links ? 4 + id_length : id_length + 1 + 4 + 4;
    for_each_record(
        metadata, tree, type, record_size, [&](std::span<const std::byte> record, std::uint64_t position) {
            const std::size_t id_at = links ? 4 : 0;
            const auto flags = links ? std::uint8_t{0} : std::to_integer<std::uint8_t>(record[id_length]);
            if ((flags & format::message_flag::shared) != 0) {
                visit(record.first(id_length), position, flags);
                return;
            }
            const auto found = heap.object(record.subspan(id_at, id_length), position + id_at);
            visit(found.bytes, found.position, flags);
        });
}

}  // namespace ballast::hdf5
