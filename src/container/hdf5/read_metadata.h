// SPDX-License-Identifier: Apache-2.0
// Metadata: the bytes of an HDF5 file as its structures see them: addresses, a block cache, and budgets.
//
// Bytes are always copied out, so nothing dangles when a block is replaced or the file changes underneath.
// Used by one thread; lives as long as one parse.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "ballast/io.h"
#include "ballast/limits.h"
#include "container/hdf5/format.h"
#include "container/hdf5/read_cursor.h"

namespace ballast::hdf5 {

/// What the superblock says about all other structures.
struct Geometry {
    std::uint64_t base = 0;  ///< file position of address 0
    std::uint8_t offset_size = 8;
    std::uint8_t length_size = 8;
    std::uint16_t leaf_k = format::default_leaf_k;
    std::uint16_t internal_k = format::default_internal_k;
    std::uint16_t chunk_k = format::default_chunk_k;
    /// File position of the table of shared message heaps, and how many it lists; undefined in nearly all
    /// files.
    std::uint64_t shared_table = format::undefined;
    std::uint8_t shared_indexes = 0;

    /// All ones in the width of the file's addresses: no address.
    std::uint64_t undefined_address() const noexcept {
        return offset_size < 8 ? (std::uint64_t{1} << (8u * offset_size)) - 1 : format::undefined;
    }
};

class Metadata {
public:
    Metadata(const io::Source& source, const Limits& limits);

    Geometry geometry;

    const Limits& limits() const noexcept { return limits_; }
    std::uint64_t file_size() const noexcept { return size_; }

    /// Fills `out` from a file position. `structure` names what is being read. Errors: truncated when the
    /// file ends before, limit_exceeded when structures overlap so much that the same bytes are read over and
    /// over.
    void read(std::uint64_t position, std::span<std::byte> out, std::string_view structure);
    /// As above into a buffer that is made large enough; checks the length against the file before growing
    /// it.
    std::span<const std::byte> read(std::uint64_t position, std::uint64_t length,
                                    std::vector<std::byte>& buffer, std::string_view structure);
    void require(std::uint64_t position, std::uint64_t length, std::string_view structure) const;

    /// The next address of a cursor as a file position; format::undefined when there is none.
    std::uint64_t address(Cursor& cursor) const;
    /// As address(), for an address that must be there.
    std::uint64_t defined_address(Cursor& cursor) const;
    std::uint64_t length(Cursor& cursor) const { return cursor.number(geometry.length_size); }
    bool is_unlimited(std::uint64_t length) const noexcept;

    /// Accounts for memory that decoded structure takes (names, strings, objects), which a small hostile file
    /// could otherwise multiply. Throws limit_exceeded.
    void charge(std::uint64_t bytes);
    /// True once a budget of the whole file is used up: such an error must not be taken for one object's
    /// problem.
    bool exhausted() const noexcept { return exhausted_; }
    [[noreturn]] void exhaust(std::string_view what);

private:
    /// Pages are kept in a ring: page n lies in slot n % page_count, so that several are read in one call.
    static constexpr std::size_t page_size = 4 << 10, page_count = 256, most_ahead = 16;
    const std::byte* page(std::uint64_t number);
    void load(std::uint64_t number);

    const io::Source& source_;
    const Limits& limits_;
    std::uint64_t size_;
    std::uint64_t read_budget_, memory_budget_;
    bool exhausted_ = false;
    std::unique_ptr<std::byte[]> pages_;
    std::vector<std::uint64_t> held_;  ///< page number in each slot
    std::uint64_t next_page_ = 0;      ///< behind what was read last
    std::size_t ahead_ = 1;            ///< pages to read when the next one follows
};

/// Remembers file positions, to notice loops and shared children. Values only.
class PositionSet {
public:
    /// False when the position was there already.
    bool insert(std::uint64_t position);
    void clear() noexcept;

private:
    void grow();
    std::vector<std::uint64_t> slots_;
    std::size_t used_ = 0;
};

}  // namespace ballast::hdf5
