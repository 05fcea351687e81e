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

/// The views end with the call; `block` is the offset of the entry's block, for messages.
using Visit = std::function<void(std::string_view key, std::string_view value, std::uint64_t block)>;

/// Calls `visit` for every entry in the order of keys, which rises strictly. Errors: damaged, truncated,
/// checksum_mismatch with offset; limit_exceeded; backend_missing for a compressed block without Snappy in
/// the build.
void read(const io::Source& source, const Limits& limits, const Visit& visit);

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
