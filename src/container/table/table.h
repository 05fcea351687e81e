// SPDX-License-Identifier: Apache-2.0
// Tables of sorted keys and values as LevelDB lays them out and TensorFlow uses them for checkpoint indexes.
//
// Layout: data blocks, a metaindex block, an index block, a footer of 48 bytes. Reading goes through every
// block once, in order, and holds one at a time. Both directions are for one thread; different tables may be
// read at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/io.h"
#include "ballast/limits.h"

namespace ballast::table {

inline constexpr std::uint64_t footer_size = 48;

/// Whether the source ends like a table.
bool has_magic(const io::Source& source);

/// What is stored for a CRC, so that a checksum of bytes with checksums in them stays strong.
constexpr std::uint32_t mask(std::uint32_t crc) noexcept {
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

/// A block as the index has it; in the file five bytes follow it, its compression and its checksum.
struct Handle {
    std::uint64_t offset = 0, size = 0;
};

/// What a table may make a reader take.
struct Bounds {
    std::uint64_t block_bytes = 64ull << 20;  ///< one block, stored or decompressed
    std::uint64_t total_bytes = 1ull << 30;   ///< all blocks, decompressed
};

/// The views end with the call; `block` is the offset of the entry's block, for messages.
using Visit = std::function<void(std::string_view key, std::string_view value, std::uint64_t block)>;

/// An entry, and where its value lies. The views end with the call that has it.
struct Entry {
    std::string_view key, value;
    Handle block;
    std::uint64_t place = 0;  ///< of the value in the block's contents
    bool plain = false;       ///< the contents are stored as they are: the value is at block.offset + place
};
using VisitEntry = std::function<void(const Entry&)>;

/// Calls `visit` for every entry in the order of keys, which rises strictly. Errors: damaged, truncated,
/// checksum_mismatch with offset; limit_exceeded; backend_missing for a compressed block without Snappy in
/// the build.
void read(const io::Source& source, const Limits& limits, const Visit& visit);
void read(const io::Source& source, const Bounds& bounds, const VisitEntry& visit);

/// The contents of a block that read() has met, read and checked again.
std::string read_block(const io::Source& source, const Bounds& bounds, const Handle& block);

/// Builds a table byte for byte as TensorFlow does: blocks of 256 KiB, no compression.
class Writer {
public:
    /// Keys must rise strictly (internal otherwise).
    void add(std::string_view key, std::string_view value);
    /// The whole file; call it once, last.
    std::vector<std::byte> finish();

private:
    /// A block being filled.
    class Block {
    public:
        explicit Block(std::uint32_t restart_interval) : interval_(restart_interval) {}
        void add(std::string_view key, std::string_view value);
        bool empty() const noexcept { return bytes_.empty(); }
        std::size_t size() const noexcept { return bytes_.size() + 4 * restarts_.size() + 4; }
        /// The contents; the block is empty again.
        std::string take();

    private:
        std::uint32_t interval_, since_restart_ = 0;
        std::string bytes_, last_key_;
        std::vector<std::uint32_t> restarts_ = {0};
    };

    /// Appends a block with its trailer; its handle.
    std::string store(std::string contents);
    void flush();
    void index_pending(std::string separator);

    std::string file_, last_key_, pending_handle_;
    Block data_{16}, index_{1};
    bool pending_ = false, any_ = false;
};

}  // namespace ballast::table
