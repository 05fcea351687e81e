// SPDX-License-Identifier: Apache-2.0
// Decoding of local heaps.
#include "container/hdf5/parse_local_heap.h"

#include <array>

namespace ballast::hdf5 {

namespace {

constexpr std::string_view heap_name = "a local heap";
constexpr std::uint64_t largest_heap = 1ull << 30;

}  // namespace

void LocalHeap::load(std::uint64_t position) {
    const std::size_t width = metadata_.geometry.length_size;
    std::array<std::byte, format::local_heap_prefix> bytes{};
    const auto head = std::span(bytes).first(8 + 2 * width + metadata_.geometry.offset_size);
    size_ = 0;
    metadata_.read(position, head, heap_name);
    Cursor cursor(head, position, heap_name);
    cursor.expect(format::local_heap);
    if (const int version = cursor.u8(); version != 0)
        cursor.unsupported("has version " + std::to_string(version));
    cursor.skip(3);
    const std::uint64_t size = metadata_.length(cursor);
    cursor.skip(width);  // free blocks
    if (size == 0) return;
    if (size > largest_heap) metadata_.exhaust("a local heap is larger than 1 GiB");
    size_ = metadata_.read(metadata_.defined_address(cursor), size, bytes_, heap_name).size();
}

std::string_view LocalHeap::text(std::uint64_t offset, const Cursor& cursor) const {
    if (offset >= size_) cursor.fail("names a text outside of its heap");
    const auto rest = text_of(std::span(bytes_).first(size_).subspan(static_cast<std::size_t>(offset)));
    const auto length = rest.find('\0');
    if (length == rest.npos) cursor.fail("holds a name without an end");
    return rest.substr(0, length);
}

}  // namespace ballast::hdf5
