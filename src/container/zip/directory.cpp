// SPDX-License-Identifier: Apache-2.0
// The central directory: one entry a member, each checked by itself and against the others.
#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "container/zip/bytes.h"
#include "container/zip/format.h"
#include "container/zip/parts.h"
#include "core/checked.h"
#include "core/text.h"

namespace ballast::zip {
namespace {

/// Goes through the entries; every failure throws with the offset in the file.
class DirectoryReader {
public:
    DirectoryReader(const io::Source& source, const Limits& limits)
        : source_(source), limits_(limits), end_(read_end(source)) {
        if (end_.members > limits.objects)
            throw broken(source, end_.directory_offset, "more members than the limit objects allows",
                         ErrorCode::limit_exceeded);
        if (end_.directory_size > limits.metadata_bytes)
            throw broken(source, end_.directory_offset, "a directory above the limit metadata_bytes",
                         ErrorCode::limit_exceeded);
        if (end_.directory_size / entry_size < end_.members)
            throw broken(source, end_.directory_offset, "the directory is too short for its members");
        bytes_.resize(static_cast<std::size_t>(end_.directory_size));
        source.read_at(end_.directory_offset, bytes_);
    }

    std::vector<Member> read() {
        std::vector<Member> members;
        members.reserve(static_cast<std::size_t>(end_.members));
        for (std::uint64_t i = 0; i < end_.members; ++i)
            members.push_back(next());
        if (at_ != bytes_.size()) fail("bytes behind the last entry of the directory");
        std::unordered_set<std::string_view> names;
        for (const Member& member : members) {
            if (!names.insert(member.name).second)
                throw broken(source_, member.header_offset,
                             "two members are called '" + escape(member.name) + "'");
        }
        check_local(source_, members, end_.directory_offset);
        return members;
    }

private:
    std::uint64_t offset() const noexcept { return end_.directory_offset + at_; }
    [[noreturn]] void fail(std::string message, ErrorCode code = ErrorCode::damaged) const {
        throw broken(source_, offset(), std::move(message), code);
    }

    Member next() {
        if (bytes_.size() - at_ < entry_size) fail("the directory ends within an entry");
        const auto entry = std::span<const std::byte>(bytes_).subspan(at_);
        if (load<std::uint32_t>(entry, 0) != entry_signature) fail("no directory entry where one is due");
        const std::size_t name_size = load<std::uint16_t>(entry, 28),
                          extra_size = load<std::uint16_t>(entry, 30);
        const std::size_t whole = entry_size + name_size + extra_size + load<std::uint16_t>(entry, 32);
        if (entry.size() < whole) fail("the directory ends within an entry");
        Member member;
        member.flags = load<std::uint16_t>(entry, 8);
        member.method = load<std::uint16_t>(entry, 10);
        member.crc = load<std::uint32_t>(entry, 16);
        member.stored_size = load<std::uint32_t>(entry, 20);
        member.size = load<std::uint32_t>(entry, 24);
        member.header_offset = load<std::uint32_t>(entry, 42);
        member.name.assign(reinterpret_cast<const char*>(entry.data()) + entry_size, name_size);
        check_name(member);
        std::uint64_t disk = load<std::uint16_t>(entry, 34);
        const std::array numbers = {WideNumber{&member.size, full32}, WideNumber{&member.stored_size, full32},
                                    WideNumber{&member.header_offset, full32}, WideNumber{&disk, full16, 4}};
        apply_wide(entry.subspan(entry_size + name_size, extra_size), numbers, source_,
                   offset() + entry_size + name_size);
        if (disk != 0) fail("a member on another disk", ErrorCode::unsupported);
        check_kind(member);
        at_ += whole;
        return member;
    }

    void check_name(const Member& member) const {
        if (member.name.empty()) fail("a member without a name");
        if (member.name.size() > limits_.name_bytes)
            fail("a name above the limit name_bytes", ErrorCode::limit_exceeded);
        if (member.name.find('\0') != std::string::npos) fail("a name with a NUL");
        const bool ascii =
            std::all_of(member.name.begin(), member.name.end(), [](char c) { return (c & 0x80) == 0; });
        if (ascii) return;
        // Without the flag it is code page 437 to some and UTF-8 to others.
        if ((member.flags & utf8_flag) == 0)
            fail("the name '" + escape(member.name) + "' is in an unknown encoding", ErrorCode::unsupported);
        if (!is_utf8(member.name)) fail("a name that is not UTF-8");
    }

    void check_kind(const Member& member) const {
        const std::string called = "the member '" + escape(member.name) + "' ";
        if ((member.flags & (encrypted_flag | strong_encryption_flag | hidden_flag)) != 0)
            fail(called + "is encrypted", ErrorCode::unsupported);
        if ((member.flags & patch_flag) != 0) fail(called + "is a patch", ErrorCode::unsupported);
        if (member.method != stored && member.method != deflated)
            fail(called + "is packed by method " + std::to_string(member.method) +
                     "; only stored (0) and deflated (8) are read",
                 ErrorCode::unsupported);
        if (member.method == stored && member.size != member.stored_size)
            fail(called + "is stored, but has two sizes");
        if (member.is_folder() && member.size != 0) fail(called + "is a folder with content");
        if (member.size > limits_.tensor_bytes)
            fail(called + "is above the limit tensor_bytes", ErrorCode::limit_exceeded);
    }

    const io::Source& source_;
    const Limits& limits_;
    End end_;
    std::vector<std::byte> bytes_;
    std::size_t at_ = 0;
};

}  // namespace

bool starts_like_zip(std::span<const std::byte> head) noexcept {
    if (head.size() < 4) return false;
    const auto first = load<std::uint32_t>(head, 0);
    return first == local_signature || first == end_signature;
}

std::shared_ptr<Directory> read_directory(const io::Source& source, const Limits& limits) {
    auto directory = std::make_shared<Directory>();
    directory->members = DirectoryReader(source, limits).read();
    return directory;
}

void apply_wide(std::span<const std::byte> extra, std::span<const WideNumber> numbers,
                const io::Source& source, std::uint64_t offset) {
    std::span<const std::byte> field;
    bool found = false;
    // Up to three bytes that cannot be a field are left over by writers that pad.
    for (std::size_t at = 0; extra.size() - at >= field_head;) {
        const std::size_t length = load<std::uint16_t>(extra, at + 2);
        if (extra.size() - at - field_head < length)
            throw broken(source, offset + at, "an extra field ends outside of its header");
        if (load<std::uint16_t>(extra, at) == wide_field) {
            if (std::exchange(found, true)) throw broken(source, offset + at, "two zip64 fields");
            field = extra.subspan(at + field_head, length);
        }
        at += field_head + length;
    }
    std::size_t at = 0;
    for (const WideNumber& number : numbers) {
        if (*number.value != number.full) continue;
        if (field.size() - at < number.bytes)
            throw broken(source, offset, "a number is missing in the zip64 field");
        *number.value = number.bytes == 8 ? load<std::uint64_t>(field, at) : load<std::uint32_t>(field, at);
        at += number.bytes;
    }
    // numpy's writers put the sizes there whether they fit or not: then both places must say the same.
    const bool asked = at != 0;
    for (const WideNumber& number : numbers) {
        if (asked || field.size() - at < number.bytes) break;
        const std::uint64_t wide =
            number.bytes == 8 ? load<std::uint64_t>(field, at) : load<std::uint32_t>(field, at);
        if (wide != *number.value) throw broken(source, offset, "a zip64 field contradicts its header");
        at += number.bytes;
    }
    if (at != field.size()) throw broken(source, offset, "a zip64 field with numbers that nobody asked for");
}

}  // namespace ballast::zip
