// SPDX-License-Identifier: Apache-2.0
// Finding the directory: the end record, and the zip64 one before it.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "container/zip/bytes.h"
#include "container/zip/format.h"
#include "container/zip/parts.h"
#include "core/checked.h"

namespace ballast::zip {
namespace {

Error no_end(const io::Source& source) {
    return broken(source, source.size(), "the zip archive has no end record: it was cut off",
                  ErrorCode::truncated)
        .hint("get the file again from where it came from");
}

Error disks(const io::Source& source, std::uint64_t offset) {
    return broken(source, offset, "the zip archive is split over several disks", ErrorCode::unsupported)
        .hint("join it into one file");
}

/// The last end record of the file. What follows it must be its comment, and the comment must not hold
/// another one: readers disagree about which of them counts.
std::pair<std::vector<std::byte>, std::uint64_t> end_record(const io::Source& source) {
    const std::uint64_t length = std::min<std::uint64_t>(source.size(), end_size + longest_comment);
    if (length < end_size) throw no_end(source);
    std::vector<std::byte> tail(static_cast<std::size_t>(length));
    const std::uint64_t base = source.size() - length;
    source.read_at(base, tail);
    for (std::size_t at = tail.size() - 3; at-- > 0;) {
        if (load<std::uint32_t>(tail, at) != end_signature) continue;
        if (tail.size() - at < end_size)
            throw broken(source, base + at, "an end record within another's comment");
        if (at + end_size + load<std::uint16_t>(tail, at + 20) != tail.size())
            throw broken(source, base + at, "the end record's comment does not end with the file");
        tail.erase(tail.begin(), tail.begin() + static_cast<std::ptrdiff_t>(at));
        return {std::move(tail), base + at};
    }
    throw no_end(source);
}

/// Checks a number of the end record against that of the zip64 record.
void compare(std::uint64_t narrow, std::uint64_t full, std::uint64_t wide, const io::Source& source,
             std::uint64_t offset) {
    if (narrow != full && narrow != wide)
        throw broken(source, offset, "the end records contradict each other");
}

/// The zip64 record, if there is one before the end record at `end_offset`.
std::optional<std::pair<End, std::uint64_t>> read_wide(const io::Source& source, std::uint64_t end_offset) {
    if (end_offset < locator_size) return std::nullopt;
    const std::uint64_t locator_offset = end_offset - locator_size;
    std::vector<std::byte> locator(locator_size), record(wide_end_size);
    source.read_at(locator_offset, locator);
    if (load<std::uint32_t>(locator, 0) != locator_signature) return std::nullopt;
    if (load<std::uint32_t>(locator, 4) != 0 || load<std::uint32_t>(locator, 16) > 1)
        throw disks(source, locator_offset);
    const auto offset = load<std::uint64_t>(locator, 8);
    if (!fits(offset, wide_end_size, locator_offset))
        throw broken(source, locator_offset, "the zip64 end record lies outside of the file");
    source.read_at(offset, record);
    if (load<std::uint32_t>(record, 0) != wide_end_signature)
        throw broken(source, offset, "no zip64 end record where one was promised");
    if (load<std::uint64_t>(record, 4) != locator_offset - offset - 12)
        throw broken(source, offset, "the zip64 end record does not end where its locator begins");
    if (load<std::uint32_t>(record, 16) != 0 || load<std::uint32_t>(record, 20) != 0 ||
        load<std::uint64_t>(record, 24) != load<std::uint64_t>(record, 32))
        throw disks(source, offset);
    return std::pair(End{load<std::uint64_t>(record, 32), load<std::uint64_t>(record, 48),
                         load<std::uint64_t>(record, 40)},
                     offset);
}

}  // namespace

End read_end(const io::Source& source) {
    const auto [record, offset] = end_record(source);
    const auto disk = load<std::uint16_t>(record, 4), directory_disk = load<std::uint16_t>(record, 6);
    const auto members_here = load<std::uint16_t>(record, 8), members = load<std::uint16_t>(record, 10);
    End end{members, load<std::uint32_t>(record, 16), load<std::uint32_t>(record, 12)};
    std::uint64_t records_begin = offset;
    const auto wide = read_wide(source, offset);
    // Without a zip64 record a full field is a number like any other: 65,535 members need none.
    if (disk != (wide ? disk & full16 : 0) || members_here != members) throw disks(source, offset);
    if (wide) {
        if ((disk != 0 && disk != full16) || (directory_disk != 0 && directory_disk != full16))
            throw disks(source, offset);
        compare(members, full16, wide->first.members, source, offset);
        compare(end.directory_size, full32, wide->first.directory_size, source, offset);
        compare(end.directory_offset, full32, wide->first.directory_offset, source, offset);
        end = wide->first;
        records_begin = wide->second;
    } else if (directory_disk != 0) {
        throw disks(source, offset);
    }
    const auto directory_end = checked_add(end.directory_offset, end.directory_size);
    if (!directory_end || *directory_end != records_begin)
        throw broken(source, offset, "the directory does not end where the end records begin");
    return end;
}

}  // namespace ballast::zip
