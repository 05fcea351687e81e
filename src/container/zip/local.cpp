// SPDX-License-Identifier: Apache-2.0
// Local headers: they must say what the directory says, and together with the data cover the file.
#include <algorithm>
#include <vector>

#include "container/zip/bytes.h"
#include "container/zip/format.h"
#include "container/zip/parts.h"
#include "core/checked.h"
#include "core/text.h"

namespace ballast::zip {
namespace {

std::string called(const Member& member) {
    return "the member '" + escape(member.name) + "' ";
}

/// The local header of a member, which must lie before `limit`. Sets the data offset.
void read_local(const io::Source& source, Member& member, std::uint64_t limit) {
    const std::uint64_t offset = member.header_offset;
    const auto contradicts = [&](const char* what) {
        return broken(source, offset,
                      called(member) + "has another " + what + " in its header than in the directory");
    };
    if (!fits(offset, local_size, limit))
        throw broken(source, offset, called(member) + "overlaps what follows");
    std::vector<std::byte> head(local_size);
    source.read_at(offset, head);
    if (load<std::uint32_t>(head, 0) != local_signature)
        throw broken(source, offset, called(member) + "has no local header where the directory says");
    const std::size_t name_size = load<std::uint16_t>(head, 26), extra_size = load<std::uint16_t>(head, 28);
    if (name_size != member.name.size()) throw contradicts("name");
    if (!fits(offset, local_size + name_size + extra_size, limit))
        throw broken(source, offset, called(member) + "overlaps what follows");
    std::vector<std::byte> rest(name_size + extra_size);
    source.read_at(offset + local_size, rest);
    if (!std::equal(member.name.begin(), member.name.end(), rest.begin(),
                    [](char c, std::byte b) { return std::byte(c) == b; }))
        throw contradicts("name");
    if (load<std::uint16_t>(head, 6) != member.flags) throw contradicts("kind");
    if (load<std::uint16_t>(head, 8) != member.method) throw contradicts("method");
    const auto crc = load<std::uint32_t>(head, 14);
    std::uint64_t stored_size = load<std::uint32_t>(head, 18), size = load<std::uint32_t>(head, 22);
    const std::array numbers = {WideNumber{&size, full32}, WideNumber{&stored_size, full32}};
    apply_wide(std::span<const std::byte>(rest).subspan(name_size), numbers, source,
               offset + local_size + name_size);
    // Written before they were known, the numbers are zeros here and follow the data.
    const bool later = (member.flags & descriptor_flag) != 0 && crc == 0 && stored_size == 0 && size == 0;
    if (!later && crc != member.crc) throw contradicts("checksum");
    if (!later && (stored_size != member.stored_size || size != member.size)) throw contradicts("size");
    member.data_offset = offset + local_size + name_size + extra_size;
}

/// The descriptor that fills the `length` bytes at `offset`: with or without its signature, and with sizes of
/// four or eight bytes.
void check_descriptor(const io::Source& source, const Member& member, std::uint64_t offset,
                      std::uint64_t length) {
    const Error wrong =
        broken(source, offset, called(member) + "is followed by bytes that belong to no member");
    if (length != 12 && length != 16 && length != 20 && length != 24) throw wrong;
    std::vector<std::byte> bytes(static_cast<std::size_t>(length));
    source.read_at(offset, bytes);
    const bool with_signature = length == 16 || length == 24, wide = length >= 20;
    std::vector<std::byte> expected;
    if (with_signature) append(expected, descriptor_signature);
    append(expected, member.crc);
    for (const std::uint64_t size : {member.stored_size, member.size}) {
        if (wide)
            append(expected, size);
        else
            append(expected, static_cast<std::uint32_t>(size));
    }
    if (bytes != expected) throw wrong;
}

}  // namespace

void check_local(const io::Source& source, std::vector<Member>& members, std::uint64_t directory_offset) {
    std::vector<Member*> order;
    order.reserve(members.size());
    for (Member& member : members)
        order.push_back(&member);
    std::stable_sort(order.begin(), order.end(),
                     [](const Member* a, const Member* b) { return a->header_offset < b->header_offset; });
    const std::uint64_t first = order.empty() ? directory_offset : order.front()->header_offset;
    if (first != 0) throw broken(source, 0, "the file begins with bytes that belong to no member");
    for (std::size_t i = 0; i < order.size(); ++i) {
        Member& member = *order[i];
        const std::uint64_t next = i + 1 < order.size() ? order[i + 1]->header_offset : directory_offset;
        read_local(source, member, next);
        if (!fits(member.data_offset, member.stored_size, next))
            throw broken(source, member.header_offset, called(member) + "overlaps what follows");
        const std::uint64_t end = member.data_offset + member.stored_size;
        if (end == next) continue;
        if ((member.flags & descriptor_flag) == 0)
            throw broken(source, end, called(member) + "is followed by bytes that belong to no member");
        check_descriptor(source, member, end, next - end);
    }
}

}  // namespace ballast::zip
