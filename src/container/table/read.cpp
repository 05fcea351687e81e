// SPDX-License-Identifier: Apache-2.0
// Reading tables: the footer, the index block, then block after block, every length checked.
#include <algorithm>
#include <cstring>

#include "ballast/error.h"
#include "container/table/snappy_block.h"
#include "container/table/table.h"
#include "container/table/varint.h"
#include "core/checked.h"
#include "io/checksum.h"

namespace ballast::table {
namespace {

constexpr std::string_view magic("\x57\xfb\x80\x8b\x24\x75\x47\xdb", 8);
constexpr std::uint64_t trailer_size = 5;

class Reader {
public:
    Reader(const io::Source& source, const Bounds& bounds) : source_(source), bounds_(bounds) {
        if (source_.size() < footer_size) throw truncated("the file is too short for a table", 0);
        end_ = source_.size() - footer_size;
    }

    void run(const VisitEntry& visit) {
        std::string footer(footer_size, '\0');
        source_.read_at(end_, std::as_writable_bytes(std::span(footer)));
        std::string_view rest(footer);
        if (!rest.ends_with(magic))
            throw damaged("this is no table: its last eight bytes are others", end_ + 40);
        take_handle(rest, end_);  // of the metaindex, which nobody needs
        const Handle index = take_handle(rest, end_);
        std::vector<Handle> blocks;
        const Contents contents = block(index);
        decode(contents, index, [&](const Entry& entry) {
            std::string_view value = entry.value;
            blocks.push_back(take_handle(value, index.offset));
        });
        read_blocks(blocks, visit);
    }

    /// The decompressed contents of a block whose handle has been checked.
    struct Contents {
        std::string bytes;
        bool plain = false;
    };
    Contents block(const Handle& handle) {
        std::string bytes(static_cast<std::size_t>(handle.size + trailer_size), '\0');
        source_.read_at(handle.offset, std::as_writable_bytes(std::span(bytes)));
        const std::string_view checked =
            std::string_view(bytes).substr(0, static_cast<std::size_t>(handle.size + 1));
        const std::uint32_t crc = io::crc32c(std::as_bytes(std::span(checked)));
        if (mask(crc) != fixed32(std::string_view(bytes).substr(checked.size())))
            throw Error(ErrorCode::checksum_mismatch, "a block of the table does not fit its checksum")
                .in(source_.path())
                .at(handle.offset)
                .hint("the file has changed since it was written: use another copy");
        const auto type = static_cast<unsigned char>(checked.back());
        bytes.resize(static_cast<std::size_t>(handle.size));
        try {
            if (type == 1) bytes = decompressed(bytes, bounds_.block_bytes);
        } catch (Error& error) {
            error.in(source_.path()).at(handle.offset);
            throw;
        }
        if (type > 1)
            throw damaged("a block of the table has the unknown compression " + std::to_string(type),
                          handle.offset);
        decoded_ += bytes.size();
        if (decoded_ > bounds_.total_bytes)
            throw Error(ErrorCode::limit_exceeded, "the table is larger than the limit metadata_bytes")
                .in(source_.path())
                .at(handle.offset);
        return {std::move(bytes), type == 0};
    }

private:
    Error damaged(std::string message, std::uint64_t offset) const {
        return Error(ErrorCode::damaged, std::move(message)).in(source_.path()).at(offset);
    }
    Error truncated(std::string message, std::uint64_t offset) const {
        return Error(ErrorCode::truncated, std::move(message)).in(source_.path()).at(offset);
    }

    Handle take_handle(std::string_view& bytes, std::uint64_t where) const {
        const auto offset = take_varint(bytes), size = take_varint(bytes);
        if (!offset || !size) throw damaged("a table's reference to a block does not end", where);
        if (!fits(*offset, *size, end_) || !fits(*offset + *size, trailer_size, end_))
            throw damaged("a table refers to a block outside of the file", where);
        if (*size > bounds_.block_bytes)
            throw Error(ErrorCode::limit_exceeded, "a table's block is larger than " +
                                                       std::to_string(bounds_.block_bytes >> 20) + " MiB")
                .in(source_.path())
                .at(where);
        return {*offset, *size};
    }

    void read_blocks(const std::vector<Handle>& blocks, const VisitEntry& visit) {
        std::string last;
        std::uint64_t end = 0;
        bool first = true;
        for (const Handle& handle : blocks) {
            // Every writer puts blocks one behind the other; anything else is a block read over and over.
            if (handle.offset < end) throw damaged("the blocks of a table overlap", handle.offset);
            end = handle.offset + handle.size + trailer_size;
            const Contents contents = block(handle);
            decode(contents, handle, [&](const Entry& entry) {
                if (!first && entry.key <= last)
                    throw damaged("the keys of a table do not rise", handle.offset);
                first = false;
                last.assign(entry.key);
                visit(entry);
            });
        }
    }

    template <class Each>
    void decode(const Contents& block, const Handle& handle, Each each) const {
        const std::string_view contents = block.bytes;
        const std::uint64_t offset = handle.offset;
        if (contents.size() < 4) throw truncated("a block of the table is too short", offset);
        const std::uint64_t restarts = fixed32(contents.substr(contents.size() - 4));
        if (restarts == 0 || restarts > (contents.size() - 4) / 4)
            throw damaged("a block of the table has an impossible number of restarts", offset);
        const std::size_t end = contents.size() - 4 - static_cast<std::size_t>(restarts) * 4;
        std::string_view rest = contents.substr(0, end);
        std::string key;
        while (!rest.empty()) {
            const auto shared = take_varint(rest), fresh = take_varint(rest), size = take_varint(rest);
            if (!shared || !fresh || !size || *shared > key.size() || *fresh > rest.size() ||
                *size > rest.size() - *fresh)
                throw damaged("an entry of the table leaves its block", offset);
            key.resize(static_cast<std::size_t>(*shared));
            key.append(rest.substr(0, static_cast<std::size_t>(*fresh)));
            if (key.size() > most_key)
                throw Error(ErrorCode::limit_exceeded, "a key of the table is longer than 64 KiB")
                    .in(source_.path())
                    .at(offset);
            rest.remove_prefix(static_cast<std::size_t>(*fresh));
            const auto place = static_cast<std::uint64_t>(rest.data() - contents.data());
            each(Entry{key, rest.substr(0, static_cast<std::size_t>(*size)), handle, place, block.plain});
            rest.remove_prefix(static_cast<std::size_t>(*size));
        }
    }

    static constexpr std::size_t most_key = 64 << 10;

    const io::Source& source_;
    const Bounds& bounds_;
    std::uint64_t end_ = 0, decoded_ = 0;
};

}  // namespace

bool has_magic(const io::Source& source) {
    if (source.size() < footer_size) return false;
    std::string last(magic.size(), '\0');
    source.read_at(source.size() - magic.size(), std::as_writable_bytes(std::span(last)));
    return last == magic;
}

void read(const io::Source& source, const Limits& limits, const Visit& visit) {
    Bounds bounds;
    bounds.total_bytes = limits.metadata_bytes;
    read(source, bounds, [&](const Entry& entry) { visit(entry.key, entry.value, entry.block.offset); });
}

void read(const io::Source& source, const Bounds& bounds, const VisitEntry& visit) {
    Reader(source, bounds).run(visit);
}

std::string read_block(const io::Source& source, const Bounds& bounds, const Handle& block) {
    return Reader(source, bounds).block(block).bytes;
}

}  // namespace ballast::table
