// SPDX-License-Identifier: Apache-2.0
// Global heap collections, which hold variable-length strings. Parsed collections are kept, up to a number of
// bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "container/hdf5/read_metadata.h"

namespace ballast::hdf5 {

class GlobalHeap {
public:
    explicit GlobalHeap(Metadata& metadata) : metadata_(metadata) {}

    /// The bytes of object `index` in the collection at `position`; valid until the next call. Errors:
    /// damaged.
    std::span<const std::byte> object(std::uint64_t position, std::uint32_t index);

private:
    struct Entry {
        std::uint32_t index, offset, size;
    };
    struct Collection {
        std::vector<std::byte> bytes;
        std::vector<Entry> entries;  ///< sorted by index
    };
    const Collection& collection(std::uint64_t position);
    Collection load(std::uint64_t position);

    static constexpr std::size_t most_cached = 8 << 20;
    Metadata& metadata_;
    std::unordered_map<std::uint64_t, Collection> cache_;
    std::size_t cached_ = 0;
    std::uint64_t last_position_ = format::undefined;
    const Collection* last_ = nullptr;
};

/// A variable-length element: how many base elements, and where they lie.
struct VlenReference {
    std::uint32_t count = 0;
    std::uint64_t collection = format::undefined;
    std::uint32_t index = 0;
};
/// Reads one element of 4 + O + 4 bytes. An empty element has count 0.
VlenReference parse_vlen_reference(const Metadata& metadata, Cursor& cursor);

}  // namespace ballast::hdf5
