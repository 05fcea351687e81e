// SPDX-License-Identifier: Apache-2.0
// Decoding of global heap collections.
#include "container/hdf5/parse_global_heap.h"

#include <algorithm>
#include <array>

#include "core/checked.h"

namespace ballast::hdf5 {

namespace {

constexpr std::string_view name = "a global heap collection";
constexpr std::uint64_t largest_collection = 1ull << 32;

}  // namespace

GlobalHeap::Collection GlobalHeap::load(std::uint64_t position) {
    const std::size_t width = metadata_.geometry.length_size;
    const std::uint64_t prefix_size = align_up(8 + width, 8), object_size = align_up(8 + width, 8);
    std::array<std::byte, format::global_heap_prefix> bytes{};
    const auto prefix = std::span(bytes).first(8 + width);
    metadata_.read(position, prefix, name);
    Cursor head(prefix, position, name);
    head.expect(format::global_heap);
    if (const int version = head.u8(); version != 1)
        head.unsupported("has version " + std::to_string(version));
    head.skip(3);
    const std::uint64_t size = metadata_.length(head);
    if (size < prefix_size || size % 8 != 0) head.fail("has an impossible size");
    if (size >= largest_collection) metadata_.exhaust("a global heap collection is larger than 4 GiB");

    Collection found;
    metadata_.read(position, size, found.bytes, name);
    Cursor cursor(found.bytes, position, name);
    cursor.skip(prefix_size);
    while (cursor.remaining() >= object_size) {
        const std::uint32_t index = cursor.u16();
        cursor.skip(6);
        const std::uint64_t length = metadata_.length(cursor);
        if (index == 0) break;  // free space, always last
        cursor.skip(object_size - 8 - width);
        if (length > cursor.remaining()) cursor.fail("holds an object that sticks out of it");
        found.entries.push_back(
            {index, static_cast<std::uint32_t>(cursor.consumed()), static_cast<std::uint32_t>(length)});
        cursor.skip(std::min<std::uint64_t>(align_up(length, 8), cursor.remaining()));
    }
    const auto by_index = [](const Entry& a, const Entry& b) { return a.index < b.index; };
    std::stable_sort(found.entries.begin(), found.entries.end(), by_index);
    return found;
}

const GlobalHeap::Collection& GlobalHeap::collection(std::uint64_t position) {
    if (position == last_position_) return *last_;
    auto found = cache_.find(position);
    if (found == cache_.end()) {
        Collection loaded = load(position);
        if (cached_ > most_cached) {
            cache_.clear();
            cached_ = 0;
        }
        cached_ += loaded.bytes.size() + loaded.entries.size() * sizeof(Entry);
        found = cache_.emplace(position, std::move(loaded)).first;
    }
    last_position_ = position;
    last_ = &found->second;
    return *last_;
}

std::span<const std::byte> GlobalHeap::object(std::uint64_t position, std::uint32_t index) {
    const Collection& held = collection(position);
    const auto entry =
        std::lower_bound(held.entries.begin(), held.entries.end(), index,
                         [](const Entry& e, std::uint32_t wanted) { return e.index < wanted; });
    if (entry == held.entries.end() || entry->index != index) {
        throw Error(ErrorCode::damaged,
                    "HDF5: a global heap collection lacks object " + std::to_string(index))
            .at(position);
    }
    return std::span(held.bytes).subspan(entry->offset, entry->size);
}

VlenReference parse_vlen_reference(const Metadata& metadata, Cursor& cursor) {
    VlenReference reference;
    reference.count = cursor.u32();
    if (reference.count == 0) {
        cursor.skip(metadata.geometry.offset_size + 4u);
        return reference;
    }
    reference.collection = metadata.address(cursor);
    reference.index = cursor.u32();
    // Never written elements: address 0 is the superblock's, so it means none.
    if (reference.collection == format::undefined || reference.collection == metadata.geometry.base)
        reference.count = 0;
    return reference;
}

}  // namespace ballast::hdf5
