// SPDX-License-Identifier: Apache-2.0
// Data layout messages: where a dataset's bytes lie.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "ballast/index.h"
#include "container/hdf5/format.h"
#include "container/hdf5/read_metadata.h"

namespace ballast::hdf5 {

/// The message as it is stored, before it is compared with the dataset's type and shape.
struct DataLayout {
    format::LayoutClass layout_class = format::LayoutClass::contiguous;
    std::uint64_t address = format::undefined;  ///< data, or the chunk index
    std::span<const std::byte> inline_bytes;    ///< compact data; lies in the header
    std::uint64_t inline_position = 0;
    /// Chunked: the chunk's dimensions, the element size last.
    std::vector<std::uint64_t> chunk;
    enum class Index : std::uint8_t { btree1, single, implicit, fixed_array, extensible_array, btree2 };
    Index index = Index::btree1;
};

DataLayout parse_layout(const Metadata& metadata, Cursor& cursor);

/// What a chunk index is about.
struct ChunkedData {
    std::uint64_t address = format::undefined;  ///< of the index; undefined = no chunk stored
    Shape shape, chunk;
    std::uint64_t chunk_bytes = 0;  ///< decoded
    std::size_t filter_count = 0;
};

/// All chunks a version 1 B-tree lists within the shape, sorted and unique. Errors: damaged, truncated.
std::vector<Chunk> read_chunk_btree(Metadata& metadata, const ChunkedData& data);

}  // namespace ballast::hdf5
