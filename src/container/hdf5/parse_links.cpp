// SPDX-License-Identifier: Apache-2.0
// Listing the links of groups.
#include "container/hdf5/parse_links.h"

#include <algorithm>
#include <array>
#include <utility>

#include "container/hdf5/parse_dense.h"

namespace ballast::hdf5 {

namespace {

using format::Message;

constexpr std::string_view tree_name = "a group's B-tree node", symbols_name = "a symbol table node",
                           link_name = "a link message";
constexpr int unknown_level = -2, symbol_level = -1;

}  // namespace

void LinkReader::add(std::string_view name, ObjectKind kind, std::uint64_t address, std::uint64_t position,
                     std::string target) {
    if (name.empty() || name.find('/') != name.npos || name.find('\0') != name.npos) {
        throw Error(ErrorCode::damaged, "HDF5: a link has an empty name or one with '/' or NUL in it")
            .at(position);
    }
    if (name.size() > metadata_.limits().name_bytes) {
        throw Error(ErrorCode::limit_exceeded, "HDF5: a link's name has " + std::to_string(name.size()) +
                                                   " bytes, the limit is " +
                                                   std::to_string(metadata_.limits().name_bytes))
            .at(position);
    }
    if (out_->size() >= most_) metadata_.exhaust("the file has more links than the limit allows");
    metadata_.charge(sizeof(Object) + (name.size() > 15 ? name.size() + 1 : 0) + target.size());
    out_->push_back({std::string(name), kind, address, std::move(target)});
}

void LinkReader::read(const ObjectHeader& header, std::uint64_t most, std::vector<Link>& out) {
    out_ = &out;
    most_ = most;
    if (const auto* table = header.find(Message::symbol_table)) {
        read_symbol_table(header, *table);
    } else {
        read_messages(header);
        if (const auto* info = header.find(Message::link_info)) read_dense(header, *info);
    }
}

// ---- Symbol tables ----

void LinkReader::read_symbol_table(const ObjectHeader& header, const HeaderMessage& message) {
    Cursor cursor = header.cursor(message, "a symbol table message");
    const std::uint64_t tree = metadata_.defined_address(cursor);
    heap_.load(metadata_.defined_address(cursor));
    seen_.clear();
    pending_.assign(1, {tree, unknown_level});
    while (!pending_.empty()) {
        const Node node = pending_.back();
        pending_.pop_back();
        if (!seen_.insert(node.position)) {
            throw Error(ErrorCode::damaged, "HDF5: two B-tree nodes of a group have one child")
                .at(node.position);
        }
        if (node.level == symbol_level) {
            read_symbol_node(node.position);
        } else {
            read_tree_node(node);
        }
    }
}

void LinkReader::read_tree_node(Node node) {
    const std::size_t key = metadata_.geometry.length_size, child = metadata_.geometry.offset_size;
    std::array<std::byte, format::tree_prefix> bytes{};
    const auto head = std::span(bytes).first(8 + 2 * child);
    metadata_.read(node.position, head, tree_name);
    Cursor cursor(head, node.position, tree_name);
    cursor.expect(format::tree);
    if (cursor.u8() != static_cast<std::uint8_t>(format::TreeType::group))
        cursor.fail("is not one of a group");
    const int level = cursor.u8();
    const std::size_t used = cursor.u16();
    if (node.level != unknown_level && level != node.level)
        cursor.fail("has another level than its parent says");
    if (used > std::size_t{2} * metadata_.geometry.internal_k) cursor.fail("has more children than fit");
    Cursor entries(metadata_.read(node.position + head.size(), used * (key + child), node_, tree_name),
                   node.position + head.size(), tree_name);
    const std::size_t first = pending_.size();
    for (std::size_t i = 0; i < used; ++i) {
        entries.skip(key);
        pending_.push_back({metadata_.defined_address(entries), level == 0 ? symbol_level : level - 1});
    }
    std::reverse(pending_.begin() + static_cast<std::ptrdiff_t>(first),
                 pending_.end());  // the first comes off first
}

void LinkReader::read_symbol_node(std::uint64_t position) {
    std::array<std::byte, format::symbol_node_prefix> head{};
    metadata_.read(position, head, symbols_name);
    Cursor cursor(head, position, symbols_name);
    cursor.expect(format::symbol_node);
    if (const int version = cursor.u8(); version != 1)
        cursor.unsupported("has version " + std::to_string(version));
    cursor.skip(1);
    const std::size_t count = cursor.u16();
    if (count > std::size_t{2} * metadata_.geometry.leaf_k) cursor.fail("has more entries than fit");
    const Geometry& geometry = metadata_.geometry;
    const std::size_t entry = geometry.length_size + geometry.offset_size + 24u;
    Cursor entries(metadata_.read(position + head.size(), count * entry, node_, symbols_name),
                   position + head.size(), symbols_name);
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t at = entries.position();
        const std::string_view name = heap_.text(metadata_.length(entries), entries);
        Cursor address(entries.take(geometry.offset_size), at + geometry.length_size, symbols_name);
        const std::uint32_t cache = entries.u32();
        entries.skip(4);
        Cursor scratch(entries.take(format::symbol_scratch), at, symbols_name);
        if (cache == static_cast<std::uint32_t>(format::SymbolCache::soft_link)) {
            const std::string_view target = heap_.text(scratch.u32(), entries);
            add(name, ObjectKind::soft_link, format::undefined, at, std::string(target));
        } else if (cache <= static_cast<std::uint32_t>(format::SymbolCache::group)) {
            add(name, ObjectKind::group, metadata_.defined_address(address), at);
        } else {
            entries.fail("has an entry of an unknown kind");
        }
    }
}

// ---- Link messages ----

void LinkReader::read_messages(const ObjectHeader& header) {
    for (const HeaderMessage& message : header.messages()) {
        if (static_cast<Message>(message.type) != Message::link) continue;
        Cursor cursor = header.cursor(message, link_name);
        if (message.shared()) cursor.unsupported("lies in the heap of shared messages");
        add_message(cursor);
    }
}

void LinkReader::add_message(Cursor cursor) {
    const std::uint64_t at = cursor.position();
    if (const int version = cursor.u8(); version != 1)
        cursor.unsupported("has version " + std::to_string(version));
    const unsigned flags = cursor.u8();
    const unsigned type = (flags & 0x08) != 0 ? cursor.u8() : 0;
    if ((flags & 0x04) != 0) cursor.skip(8);  // creation order
    if ((flags & 0x10) != 0) cursor.skip(1);  // character set: names are bytes to us
    const std::string_view name = text_of(cursor.take(cursor.number(std::size_t{1} << (flags & 3))));
    switch (static_cast<format::LinkType>(type)) {
        case format::LinkType::hard:
            return add(name, ObjectKind::group, metadata_.defined_address(cursor), at);
        case format::LinkType::soft: {
            const std::string_view target = text_of(cursor.take(cursor.u16()));
            return add(name, ObjectKind::soft_link, format::undefined, at, std::string(target));
        }
        case format::LinkType::external: {
            Cursor target(cursor.take(cursor.u16()), cursor.position(), link_name);
            target.skip(1);  // version and flags
            const std::string file(target.text());
            return add(name, ObjectKind::external_link, format::undefined, at,
                       file + ":" + std::string(target.text()));
        }
    }
    if (type <= static_cast<unsigned>(format::LinkType::external)) cursor.unsupported("has an unknown type");
    add(name, ObjectKind::other_link, format::undefined, at);
}

void LinkReader::read_dense(const ObjectHeader& header, const HeaderMessage& message) {
    Cursor cursor = header.cursor(message, "a link info message");
    if (const int version = cursor.u8(); version != 0)
        cursor.unsupported("has version " + std::to_string(version));
    if ((cursor.u8() & 1) != 0) cursor.skip(8);  // largest creation index
    const std::uint64_t heap = metadata_.address(cursor);
    if (heap == format::undefined) return;
    const std::uint64_t names = metadata_.defined_address(cursor);
    for_each_dense(metadata_, heap, names, format::Tree2Type::link_name,
                   [this](std::span<const std::byte> bytes, std::uint64_t position, std::uint8_t) {
                       add_message(Cursor(bytes, position, link_name));
                   });
}

}  // namespace ballast::hdf5
