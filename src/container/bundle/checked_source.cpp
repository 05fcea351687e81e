// SPDX-License-Identifier: Apache-2.0
// Checksums of what is read, see checked_source.h.
#include "container/bundle/checked_source.h"

#include <algorithm>

#include "ballast/error.h"
#include "io/checksum.h"

namespace ballast::bundle {

void CheckedSource::read_at(std::uint64_t offset, std::span<std::byte> out) const {
    file_->read_at(offset, out);
    check(offset, out);
}

std::shared_ptr<const std::byte> CheckedSource::map(std::uint64_t offset, std::uint64_t length) const {
    auto mapped = file_->map(offset, length);
    if (mapped) check(offset, {mapped.get(), static_cast<std::size_t>(length)});
    return mapped;
}

void CheckedSource::check(std::uint64_t offset, std::span<const std::byte> bytes) const {
    const std::uint64_t end = offset + bytes.size();
    const auto& ranges = ranges_.list();
    auto range = std::partition_point(
        ranges.begin(), ranges.end(),
        [&](const CheckedRanges::Range& candidate) { return candidate.offset + candidate.length <= offset; });
    for (; range != ranges.end() && range->offset < end; ++range) {
        const std::uint64_t first = std::max(offset, range->offset);
        const std::uint64_t last = std::min(end, range->offset + range->length);
        const std::uint32_t crc = io::crc32c(
            bytes.subspan(static_cast<std::size_t>(first - offset), static_cast<std::size_t>(last - first)));
        add(static_cast<std::size_t>(range - ranges.begin()), {first - range->offset, last - first, crc});
    }
}

void CheckedSource::add(std::size_t range, Slice slice) const {
    const std::uint64_t length = ranges_.list()[range].length;
    if (slice.length == length) return compare(range, slice.crc);
    {
        const std::lock_guard lock(mutex_);
        std::vector<Slice>& known = slices_[range];
        auto next = std::partition_point(known.begin(), known.end(),
                                         [&](const Slice& other) { return other.begin < slice.begin; });
        const auto joined = [](const Slice& a, const Slice& b) {
            return Slice{a.begin, a.length + b.length, io::combine(io::Crc::crc32c, a.crc, b.crc, b.length)};
        };
        // A slice that was read before says nothing new.
        if (next != known.end() && next->begin < slice.begin + slice.length) return;
        if (next != known.begin() && std::prev(next)->begin + std::prev(next)->length > slice.begin) return;
        if (next != known.end() && next->begin == slice.begin + slice.length) {
            slice = joined(slice, *next);
            next = known.erase(next);
        }
        if (next != known.begin() && std::prev(next)->begin + std::prev(next)->length == slice.begin) {
            slice = joined(*std::prev(next), slice);
            next = known.erase(std::prev(next));
        }
        if (slice.length != length) {
            known.insert(next, slice);
            return;
        }
        slices_.erase(range);
    }
    compare(range, slice.crc);
}

void CheckedSource::compare(std::size_t range, std::uint32_t crc) const {
    const CheckedRanges::Range& wanted = ranges_.list()[range];
    if (crc == wanted.crc) return;
    throw Error(ErrorCode::checksum_mismatch, "the tensor's bytes do not fit their checksum")
        .in(path())
        .at(wanted.offset)
        .tensor(ranges_.name(range))
        .hint("the file has changed since it was written: use another copy");
}

}  // namespace ballast::bundle
