// SPDX-License-Identifier: Apache-2.0
// Data layout messages: where a dataset's bytes lie.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "ballast/tensor.h"
#include "container/hdf5/format.h"
#include "container/hdf5/read_metadata.h"

namespace ballast::hdf5 {

/// The message as it is stored, before it is compared with the dataset's type and shape.
struct DataLayout {
    format::LayoutClass layout_class = format::LayoutClass::contiguous;
    std::uint64_t address = format::undefined;  ///< data, or the chunk index
    std::span<const std::byte> inline_bytes;    ///< compact data; lies in the header
    std::uint64_t inline_position = 0;
    std::uint32_t heap_index =
        0;  ///< of a virtual dataset's description, in the global heap collection at `address`
    /// Chunked: the chunk's dimensions, the element size last.
    std::vector<std::uint64_t> chunk;
    format::ChunkIndex index = format::ChunkIndex::btree1;
    bool wide_sizes = false;   ///< version 5: indexes store the sizes of chunks in 8 bytes
    bool plain_edges = false;  ///< chunks that reach beyond the shape are stored without filters
    /// The only chunk's size and filter mask, where its message gives them.
    std::optional<std::pair<std::uint64_t, std::uint32_t>> single;
};

DataLayout parse_layout(const Metadata& metadata, Cursor& cursor);

}  // namespace ballast::hdf5
