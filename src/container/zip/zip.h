// SPDX-License-Identifier: Apache-2.0
// Reading zip archives, zip64 included (docs/formats/zip.md). A Directory is a list of members whose places
// in the file have been checked; members are read as Sources, nothing is ever extracted.
//
// What two readers could understand differently is refused: names met twice, headers that contradict the
// directory, bytes that belong to no member or to two. Names are data, not paths: whoever uses them as paths
// checks them. Pure functions and immutable values; the Sources may be read from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ballast/io.h"
#include "ballast/limits.h"

namespace ballast::zip {

struct Member {
    std::string name;  ///< UTF-8, not empty, without NUL
    std::uint16_t method = 0;
    std::uint16_t flags = 0;
    std::uint32_t crc = 0;
    std::uint64_t stored_size = 0;    ///< as it lies in the file
    std::uint64_t size = 0;           ///< as it is read
    std::uint64_t header_offset = 0;  ///< of the local header
    std::uint64_t data_offset = 0;

    bool is_folder() const noexcept { return name.ends_with('/'); }
};

struct Directory {
    std::vector<Member> members;  ///< in the directory's order
};

/// Whether a file's first bytes are those of an archive (of no members, even).
bool starts_like_zip(std::span<const std::byte> head) noexcept;

/// Reads and checks the directory and every local header. Errors, with path and offset: damaged, truncated,
/// unsupported (encrypted, split over disks, another method than stored and deflated), limit_exceeded.
std::shared_ptr<Directory> read_directory(const io::Source& source, const Limits& limits);

enum class Check : std::uint8_t {
    crc,  ///< whoever has read all of the member knows that its checksum fits
    /// As crc, for members that are read in part and in any order, and whose last bytes perhaps nobody asks
    /// for: the little that is left is read too. Memory is given out before it has been checked.
    reads,
    none,  ///< a stored member is a plain window, which the kernel can copy
};

/// A member's bytes. A deflated one is inflated when its bytes are asked for, as a whole but for its first
/// bytes, and held until all of them have been read; its checksum is always checked then. Reading throws
/// checksum_mismatch and damaged; opening limit_exceeded when the member expands more than the limits allow.
std::shared_ptr<const io::Source> open_member(std::shared_ptr<const io::Source> source, const Member& member,
                                              const Limits& limits, Check check = Check::crc);

}  // namespace ballast::zip
