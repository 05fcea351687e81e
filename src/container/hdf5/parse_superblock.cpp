// SPDX-License-Identifier: Apache-2.0
// Finding and reading the superblock.
#include "container/hdf5/parse_superblock.h"

#include <algorithm>
#include <cstring>

#include "container/hdf5/parse_header.h"
#include "container/hdf5/read_checksum.h"
#include "core/checked.h"

namespace ballast::hdf5 {

namespace {

constexpr std::string_view name = "the superblock";

struct Addresses {
    std::uint64_t base, end, root, extension = format::undefined, driver = format::undefined;
};

void read_widths(Cursor& cursor, Geometry& geometry) {
    for (std::uint8_t* width : {&geometry.offset_size, &geometry.length_size}) {
        *width = cursor.u8();
        if (*width != 2 && *width != 4 && *width != 8) {
            cursor.unsupported("uses addresses or lengths of " + std::to_string(*width) + " bytes");
        }
    }
}

Addresses read_old(Cursor& cursor, int version, Geometry& geometry, std::vector<std::string>& warnings) {
    if (cursor.u8() != 0 || cursor.u8() != 0) cursor.fail("has unknown versions of its parts");
    cursor.skip(1);
    if (cursor.u8() != 0) cursor.fail("has an unknown version of shared headers");
    read_widths(cursor, geometry);
    cursor.skip(1);
    geometry.leaf_k = cursor.u16();
    geometry.internal_k = cursor.u16();
    if (geometry.leaf_k == 0 || geometry.internal_k == 0) cursor.fail("gives groups no room for links");
    if (cursor.u32() != 0)
        warnings.emplace_back("the file is marked as open for writing: it may be incomplete");
    if (version == 1) {
        geometry.chunk_k = cursor.u16();
        if (geometry.chunk_k == 0) cursor.fail("gives chunk indexes no room");
        cursor.skip(2);
    }
    Addresses found{};
    found.base = cursor.number(geometry.offset_size);
    cursor.skip(geometry.offset_size);  // free space
    found.end = cursor.number(geometry.offset_size);
    found.driver = cursor.number(geometry.offset_size);
    cursor.skip(geometry.length_size);  // the root entry's name
    found.root = cursor.number(geometry.offset_size);
    return found;
}

Addresses read_new(Cursor& cursor, Geometry& geometry, std::vector<std::string>& warnings) {
    read_widths(cursor, geometry);
    if ((cursor.u8() & 0x05) != 0) {
        warnings.emplace_back("the file is marked as open for writing: it may be incomplete");
    }
    Addresses found{};
    found.base = cursor.number(geometry.offset_size);
    found.extension = cursor.number(geometry.offset_size);
    found.end = cursor.number(geometry.offset_size);
    found.root = cursor.number(geometry.offset_size);
    return found;
}

/// Node sizes and what makes a file unreadable for us lie in the extension of newer superblocks.
void read_extension(Metadata& metadata, std::uint64_t position) {
    ObjectHeader header;
    header.read(metadata, position);
    using format::Message;
    if (const auto* message = header.find(Message::btree_k)) {
        Cursor cursor = header.cursor(*message, "the B-tree sizes message");
        if (cursor.u8() != 0) cursor.unsupported("has an unknown version");
        metadata.geometry.chunk_k = cursor.u16();
        metadata.geometry.internal_k = cursor.u16();
        metadata.geometry.leaf_k = cursor.u16();
    }
    if (const auto* message = header.find(Message::shared_table)) {
        Cursor cursor = header.cursor(*message, "the shared message table's message");
        if (cursor.u8() != 0) cursor.unsupported("has an unknown version");
        metadata.geometry.shared_table = metadata.address(cursor);
        metadata.geometry.shared_indexes = cursor.u8();
    }
    if (const auto* message = header.find(Message::driver_info)) {
        header.cursor(*message, "the superblock extension")
            .unsupported("says that the file is one of several");
    }
    if (const auto* message = header.find(Message::cache_image)) {
        Cursor cursor = header.cursor(*message, "the superblock extension");
        cursor.skip(1);
        if (metadata.address(cursor) != format::undefined)
            cursor.unsupported("keeps the structure in a cache image");
    }
}

}  // namespace

std::optional<std::uint64_t> find_signature(const io::Source& source) {
    const std::uint64_t size = source.size();
    std::array<std::byte, format::signature.size()> bytes{};
    for (std::uint64_t at = 0; fits(at, bytes.size(), size);
         at = at == 0 ? format::first_user_block : at * 2) {
        source.read_at(at, bytes);
        if (std::memcmp(bytes.data(), format::signature.data(), bytes.size()) == 0) return at;
        if (at > size / 2) break;
    }
    return std::nullopt;
}

std::uint64_t parse_superblock(Metadata& metadata, std::uint64_t position,
                               std::vector<std::string>& warnings) {
    std::vector<std::byte> buffer;
    constexpr std::uint64_t longest = 140;
    metadata.require(position, format::superblock::version + 1, name);
    const auto bytes =
        metadata.read(position, std::min(longest, metadata.file_size() - position), buffer, name);
    // A superblock cut short is a truncated file, not a damaged one.
    const auto need = [&](std::size_t size) { metadata.require(position, size, name); };
    Cursor cursor(bytes, position, name);
    cursor.skip(format::signature.size());
    const int version = cursor.u8();
    Geometry& geometry = metadata.geometry;
    geometry.base = position;
    Addresses found{};
    if (version <= 1) {
        need(format::superblock::leaf_k);
        const auto o = std::to_integer<std::size_t>(bytes[format::superblock::offset_size]);
        const auto l = std::to_integer<std::size_t>(bytes[format::superblock::length_size]);
        if (o <= 8 && l <= 8) need((version == 0 ? 24 : 28) + 5 * o + l + 24);
        found = read_old(cursor, version, geometry, warnings);
    } else if (version <= 3) {
        need(format::superblock::v2_addresses);
        const auto o = std::to_integer<std::size_t>(bytes[format::superblock::v2_offset_size]);
        if (o <= 8) need(format::superblock::v2_addresses + 4 * o + 4);
        found = read_new(cursor, geometry, warnings);
        verify_checksum(bytes.first(cursor.consumed() + 4), position, name);
    } else {
        cursor.unsupported("has version " + std::to_string(version) + "; versions 0 to 3 are known");
    }

    const std::uint64_t all_ones = geometry.undefined_address();
    if (found.driver != all_ones && version <= 1) cursor.unsupported("says that the file is one of several");
    // The end of file counts from the start of the file, user block included; a base that differs from where
    // the signature lies means that bytes were put before a file or taken away, and everything shifted with
    // them.
    std::uint64_t end = found.end;
    if (found.base != position) {
        warnings.emplace_back("the superblock was written for position " + std::to_string(found.base) +
                              " and lies at " + std::to_string(position));
        if (found.end < found.base) cursor.fail("ends before it begins");
        const auto shifted = checked_add(found.end - found.base, position);
        if (!shifted) cursor.fail("has an end of file that does not fit 64 bits");
        end = *shifted;
    }
    if (end > metadata.file_size()) {
        throw Error(ErrorCode::truncated, "HDF5: the file should have " + std::to_string(end) +
                                              " bytes and has " + std::to_string(metadata.file_size()))
            .at(metadata.file_size())
            .hint("the file was cut short, for example by an interrupted download or save: get it again");
    }
    if (end < metadata.file_size()) {
        warnings.emplace_back(std::to_string(metadata.file_size() - end) +
                              " bytes follow the end of the HDF5 data");
    }
    if (found.extension != format::undefined && found.extension != all_ones) {
        const auto extension = checked_add(found.extension, position);
        if (!extension) cursor.fail("has an impossible extension address");
        read_extension(metadata, *extension);
    }
    const auto root = checked_add(found.root, position);
    if (found.root == all_ones || !root) cursor.fail("has no root group");
    return *root;
}

}  // namespace ballast::hdf5
