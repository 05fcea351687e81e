// SPDX-License-Identifier: Apache-2.0
// Fractal heaps, which hold the messages of dense storage. Blocks are found and checked when an object asks
// for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "container/hdf5/read_metadata.h"

namespace ballast::hdf5 {

class FractalHeap {
public:
    /// Reads the heap's header. Errors: damaged, truncated, checksum_mismatch, unsupported (filtered heaps).
    FractalHeap(Metadata& metadata, std::uint64_t position);

    std::size_t id_length() const noexcept { return id_length_; }

    struct Found {
        std::span<const std::byte> bytes;  ///< valid until the next call
        std::uint64_t position = 0;        ///< of the bytes in the file
    };
    Found object(std::span<const std::byte> id, std::uint64_t id_position);

private:
    struct Place {
        std::uint64_t position = 0, length = 0;
    };
    struct IndirectBlock {
        std::vector<std::uint64_t> children;
    };
    Place managed(std::uint64_t offset, std::uint64_t length);
    Place in_direct_block(std::uint64_t block, std::uint64_t size, std::uint64_t base, std::uint64_t offset,
                          std::uint64_t length);
    void check_direct_block(std::uint64_t block, std::uint64_t size, std::uint64_t base);
    const IndirectBlock& indirect_block(std::uint64_t position, std::uint64_t rows, std::uint64_t base);
    Place huge(Cursor& id);
    void load_huge();
    std::size_t block_prefix() const noexcept;

    Metadata& metadata_;
    std::uint64_t position_;
    std::size_t id_length_ = 0, offset_width_ = 0, length_width_ = 0;
    bool checksummed_ = false;
    std::uint64_t largest_managed_ = 0, width_ = 0, start_size_ = 0, largest_direct_ = 0,
                  root_ = format::undefined;
    std::uint64_t huge_tree_ = format::undefined;
    std::uint64_t root_rows_ = 0, direct_rows_ = 0;
    PositionSet checked_;  ///< direct blocks seen to be sound
    std::unordered_map<std::uint64_t, IndirectBlock> indirect_;
    std::unordered_map<std::uint64_t, Place> huge_;
    bool huge_loaded_ = false;
    std::vector<std::byte> buffer_, block_;
};

}  // namespace ballast::hdf5
