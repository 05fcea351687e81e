// SPDX-License-Identifier: Apache-2.0
// Decoding of data layout messages, versions 1 to 5.
#include "container/hdf5/parse_layout.h"

#include <string>

namespace ballast::hdf5 {

namespace {

using format::LayoutClass;

LayoutClass layout_class(Cursor& cursor) {
    const unsigned value = cursor.u8();
    if (value > static_cast<unsigned>(LayoutClass::virtual_dataset)) {
        cursor.unsupported("has class " + std::to_string(value));
    }
    return static_cast<LayoutClass>(value);
}

void read_chunk_dimensions(Cursor& cursor, std::size_t count, std::size_t width, DataLayout& layout) {
    if (count < 2 || count > Shape::max_rank + 1)
        cursor.fail("gives chunks an impossible number of dimensions");
    layout.chunk.resize(count);
    for (auto& dim : layout.chunk) {
        dim = cursor.number(width);
        if (dim == 0) cursor.fail("gives chunks a dimension of 0");
    }
}

void read_old(const Metadata& metadata, Cursor& cursor, DataLayout& layout) {
    const std::size_t dimensions = cursor.u8();
    layout.layout_class = layout_class(cursor);
    cursor.skip(5);
    if (layout.layout_class != LayoutClass::compact) layout.address = metadata.address(cursor);
    if (layout.layout_class == LayoutClass::chunked)
        return read_chunk_dimensions(cursor, dimensions, 4, layout);
    cursor.skip(4 * dimensions);  // the dataset's own shape
    if (layout.layout_class != LayoutClass::compact) return;
    const std::uint32_t size = cursor.u32();
    layout.inline_position = cursor.position();
    layout.inline_bytes = cursor.take(size);
}

void read_index(const Metadata& metadata, Cursor& cursor, DataLayout& layout) {
    using format::ChunkIndex;
    const unsigned flags = cursor.u8();
    const std::size_t dimensions = cursor.u8(), width = cursor.u8();
    if (width == 0 || width > 8) cursor.fail("stores chunk dimensions in an impossible number of bytes");
    if ((flags & ~3u) != 0) cursor.unsupported("has unknown flags");
    read_chunk_dimensions(cursor, dimensions, width, layout);
    const unsigned kind = cursor.u8();
    if (kind < 1 || kind > 5) cursor.unsupported("has chunk index type " + std::to_string(kind));
    layout.index = static_cast<ChunkIndex>(kind);
    layout.plain_edges = (flags & 1) != 0;
    switch (layout.index) {
        case ChunkIndex::single:
            if ((flags & 2) != 0) {
                const std::uint64_t length = metadata.length(cursor);
                layout.single = {length, cursor.u32()};
            }
            break;
        // What follows says how the index is built; its own header says it again and counts.
        case ChunkIndex::fixed_array:
            cursor.skip(1);
            break;
        case ChunkIndex::extensible_array:
            cursor.skip(5);
            break;
        case ChunkIndex::btree2:
            cursor.skip(6);
            break;
        default:
            break;
    }
    layout.address = metadata.address(cursor);
}

}  // namespace

DataLayout parse_layout(const Metadata& metadata, Cursor& cursor) {
    DataLayout layout;
    const int version = cursor.u8();
    if (version == 1 || version == 2) {
        read_old(metadata, cursor, layout);
        return layout;
    }
    if (version < 3 || version > 5) cursor.unsupported("has version " + std::to_string(version));
    layout.wide_sizes = version == 5;
    layout.layout_class = layout_class(cursor);
    switch (layout.layout_class) {
        case LayoutClass::compact: {
            const std::size_t size = cursor.u16();
            layout.inline_position = cursor.position();
            layout.inline_bytes = cursor.take(size);
            break;
        }
        case LayoutClass::contiguous:
            // The size that follows is not used: the type and the shape give it, as in libhdf5.
            layout.address = metadata.address(cursor);
            break;
        case LayoutClass::chunked:
            if (version >= 4) {
                read_index(metadata, cursor, layout);
            } else {
                const std::size_t dimensions = cursor.u8();
                layout.address = metadata.address(cursor);
                read_chunk_dimensions(cursor, dimensions, 4, layout);
            }
            break;
        case LayoutClass::virtual_dataset:
            layout.address = metadata.address(cursor);
            layout.heap_index = cursor.u32();
            break;
    }
    return layout;
}

}  // namespace ballast::hdf5
