// SPDX-License-Identifier: Apache-2.0
// Laying out a zip archive, see write.h: headers with the data, the directory once the checksums are known.
#include "container/zip/write.h"

#include <algorithm>
#include <memory>
#include <unordered_set>
#include <utility>

#include "ballast/error.h"
#include "container/zip/bytes.h"
#include "container/zip/format.h"
#include "core/checked.h"
#include "core/text.h"
#include "io/checksum.h"

namespace ballast::zip {
namespace {

using Bytes = std::vector<std::byte>;

/// A member in the file.
struct Place {
    std::string name;
    std::uint64_t size = 0, header_offset = 0, data_offset = 0;
    std::size_t first_piece = 0, pieces = 0;  ///< of the planned file

    bool has_wide_size() const noexcept { return size >= full32; }
    bool has_wide_offset() const noexcept { return header_offset >= full32; }
    std::uint16_t flags() const noexcept {
        const bool ascii = std::all_of(name.begin(), name.end(), [](char c) { return (c & 0x80) == 0; });
        return ascii ? 0 : utf8_flag;
    }
};

std::uint32_t narrow(std::uint64_t value) noexcept {
    return value >= full32 ? full32 : static_cast<std::uint32_t>(value);
}

void append_text(Bytes& bytes, std::string_view text) {
    std::transform(text.begin(), text.end(), std::back_inserter(bytes),
                   [](char c) { return static_cast<std::byte>(c); });
}

/// What local headers and directory entries share: version to names' lengths.
void append_common(Bytes& bytes, const Place& place, std::uint32_t crc, bool wide, std::uint64_t extra_size) {
    append(bytes, wide ? version_wide : version_plain);
    append(bytes, place.flags());
    append(bytes, stored);
    append(bytes, std::uint16_t{0});
    append(bytes, first_date);
    append(bytes, crc);
    append(bytes, narrow(place.size));
    append(bytes, narrow(place.size));
    append(bytes, static_cast<std::uint16_t>(place.name.size()));
    append(bytes, static_cast<std::uint16_t>(extra_size));
}

constexpr std::size_t local_crc = 14;

/// Bytes of an extra field that makes the data, which would begin at `data`, begin at a multiple.
std::uint64_t padding(std::uint64_t data, std::uint64_t alignment) {
    std::uint64_t missing = align_up(data, alignment) - data;
    if (missing == 0) return 0;
    while (missing < field_head + 2)
        missing += alignment;
    return missing;
}

/// With a checksum of zero, which is put over it later.
Bytes local_header(const Place& place, std::uint64_t alignment) {
    const bool wide = place.has_wide_size();
    const std::uint64_t wide_bytes = wide ? field_head + 16 : 0;
    const std::uint64_t unpadded = place.header_offset + local_size + place.name.size() + wide_bytes;
    const std::uint64_t pad = padding(unpadded, alignment);
    Bytes bytes;
    append(bytes, local_signature);
    append_common(bytes, place, 0, wide, wide_bytes + pad);
    append_text(bytes, place.name);
    if (wide) {
        append(bytes, wide_field);
        append(bytes, std::uint16_t{16});
        append(bytes, place.size);
        append(bytes, place.size);
    }
    if (pad != 0) {
        append(bytes, padding_field);
        append(bytes, static_cast<std::uint16_t>(pad - field_head));
        append(bytes, static_cast<std::uint16_t>(alignment));
        bytes.resize(bytes.size() + static_cast<std::size_t>(pad - field_head - 2));
    }
    return bytes;
}

std::uint64_t entry_extra(const Place& place) {
    const std::uint64_t numbers = (place.has_wide_size() ? 16U : 0U) + (place.has_wide_offset() ? 8U : 0U);
    return numbers == 0 ? 0 : field_head + numbers;
}

void append_entry(Bytes& bytes, const Place& place, std::uint32_t crc) {
    const std::uint64_t extra = entry_extra(place);
    append(bytes, entry_signature);
    append(bytes, static_cast<std::uint16_t>(made_by_unix | (extra != 0 ? version_wide : version_plain)));
    append_common(bytes, place, crc, extra != 0, extra);
    append(bytes, std::uint16_t{0});  // no comment
    append(bytes, std::uint16_t{0});  // disk
    append(bytes, std::uint16_t{0});  // not known to be text
    append(bytes, regular_file_mode);
    append(bytes, narrow(place.header_offset));
    append_text(bytes, place.name);
    if (extra == 0) return;
    append(bytes, wide_field);
    append(bytes, static_cast<std::uint16_t>(extra - field_head));
    if (place.has_wide_size()) {
        append(bytes, place.size);
        append(bytes, place.size);
    }
    if (place.has_wide_offset()) append(bytes, place.header_offset);
}

bool needs_wide_end(std::uint64_t members, std::uint64_t offset, std::uint64_t size) {
    return members >= full16 || offset >= full32 || size >= full32;
}

void append_end(Bytes& bytes, std::uint64_t members, std::uint64_t offset, std::uint64_t size) {
    if (needs_wide_end(members, offset, size)) {
        append(bytes, wide_end_signature);
        append(bytes, std::uint64_t{wide_end_size - 12});
        append(bytes, static_cast<std::uint16_t>(made_by_unix | version_wide));
        append(bytes, version_wide);
        append(bytes, std::uint64_t{0});  // this disk, the directory's disk
        append(bytes, members);
        append(bytes, members);
        append(bytes, size);
        append(bytes, offset);
        append(bytes, locator_signature);
        append(bytes, std::uint32_t{0});  // disk
        append(bytes, offset + size);
        append(bytes, std::uint32_t{1});  // disks
    }
    const auto count = static_cast<std::uint16_t>(std::min<std::uint64_t>(members, full16));
    append(bytes, end_signature);
    append(bytes, std::uint32_t{0});  // this disk, the directory's disk
    append(bytes, count);
    append(bytes, count);
    append(bytes, narrow(size));
    append(bytes, narrow(offset));
    append(bytes, std::uint16_t{0});  // no comment
}

std::uint64_t directory_size(const std::vector<Place>& places) {
    std::uint64_t size = 0;
    for (const Place& place : places)
        size += entry_size + place.name.size() + entry_extra(place);
    return size;
}

/// Puts the checksums in: over those of the local headers, and with the directory.
class Checksums final : public PlanHooks {
public:
    Checksums(std::vector<Place> places, std::uint64_t directory_offset)
        : places_(std::move(places)), directory_offset_(directory_offset) {}

    Finish finish(const PlanResults& results) override {
        Finish finish;
        Bytes end;
        for (const Place& place : places_) {
            const std::uint32_t crc = crc_of(place, results.front());
            Bytes patch;
            append(patch, crc);
            finish.patches.push_back({0, place.header_offset + local_crc, std::move(patch)});
            append_entry(end, place, crc);
        }
        append_end(end, places_.size(), directory_offset_, end.size());
        finish.patches.push_back({0, directory_offset_, std::move(end)});
        return finish;
    }

private:
    static std::uint32_t crc_of(const Place& place, const std::vector<PieceResult>& results) {
        std::uint32_t crc = 0;
        std::uint64_t at = place.data_offset;
        const auto zeros_until = [&](std::uint64_t end) {
            const std::uint64_t length = end - at;
            if (length != 0)
                crc = io::combine(io::Crc::crc32, crc, io::checksum_of_zeros(io::Crc::crc32, length), length);
        };
        for (std::size_t i = place.first_piece; i < place.first_piece + place.pieces; ++i) {
            zeros_until(results[i].offset);
            crc = io::combine(io::Crc::crc32, crc, results[i].checksum, results[i].length);
            at = results[i].offset + results[i].length;
        }
        zeros_until(place.data_offset + place.size);
        return crc;
    }

    std::vector<Place> places_;
    std::uint64_t directory_offset_;
};

void check(const NewMember& member, std::unordered_set<std::string>& names) {
    const auto refuse = [&](const char* what) {
        return Error(ErrorCode::invalid_argument, "a zip archive cannot hold a member " + std::string(what))
            .tensor(member.name);
    };
    if (member.name.empty()) throw refuse("without a name");
    if (member.name.size() > longest_name) throw refuse("with a name above 65,535 bytes");
    if (member.name.find('\0') != std::string::npos || !is_utf8(member.name))
        throw refuse("whose name is not text");
    if (!names.insert(member.name).second) throw refuse("of the same name as another");
}

}  // namespace

WritePlan plan_archive(std::string file_name, std::vector<NewMember> members) {
    PlannedFile file;
    file.checksum = Checksum::crc32;
    std::vector<Place> places;
    places.reserve(members.size());
    std::unordered_set<std::string> names;
    std::uint64_t offset = 0;
    for (NewMember& member : members) {
        check(member, names);
        Place place{std::move(member.name), member.size, offset, 0, 0, member.pieces.size()};
        Bytes header = local_header(place, member.alignment);
        place.data_offset = offset + header.size();
        file.pieces.push_back({offset, FixedBytes{std::move(header)}});
        place.first_piece = file.pieces.size();
        file.nest(std::move(member.pieces), place.data_offset);
        const auto end = checked_add(place.data_offset, place.size);
        if (!end || *end > INT64_MAX)
            throw Error(ErrorCode::invalid_argument, "the archive would be larger than a file can be")
                .in(file_name);
        offset = *end;
        places.push_back(std::move(place));
    }
    const std::uint64_t directory = directory_size(places);
    file.size = offset + directory + end_size +
                (needs_wide_end(places.size(), offset, directory) ? wide_end_size + locator_size : 0);
    file.name = file_name;
    WritePlan plan;
    plan.files.push_back(std::move(file));
    plan.commit = std::move(file_name);
    plan.hooks = std::make_shared<Checksums>(std::move(places), offset);
    return plan;
}

}  // namespace ballast::zip
