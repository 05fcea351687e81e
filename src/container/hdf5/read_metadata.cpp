// SPDX-License-Identifier: Apache-2.0
// Cached, bounded reads of structure bytes.
#include "container/hdf5/read_metadata.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "core/checked.h"

namespace ballast::hdf5 {

namespace {

// A file that is read as it was written needs each structure byte about once; the floors let small files
// repeat themselves (one heap used by many groups).
constexpr std::uint64_t read_floor = 64ull << 20, read_ratio = 16;
constexpr std::uint64_t nothing = ~std::uint64_t{0};
constexpr std::uint64_t memory_floor = 32ull << 20, memory_ratio = 4;

std::uint64_t budget(std::uint64_t floor, std::uint64_t ratio, std::uint64_t file_size) {
    const auto scaled = checked_multiply(file_size, ratio);
    return scaled ? checked_add(*scaled, floor).value_or(UINT64_MAX) : UINT64_MAX;
}

std::size_t hash_of(std::uint64_t position) noexcept {
    position *= 0x9e3779b97f4a7c15ull;
    return static_cast<std::size_t>(position >> 20);
}

}  // namespace

Metadata::Metadata(const io::Source& source, const Limits& limits)
    : source_(source),
      limits_(limits),
      size_(source.size()),
      read_budget_(budget(read_floor, read_ratio, size_)),
      memory_budget_(std::min(limits.metadata_bytes, budget(memory_floor, memory_ratio, size_))) {
    const std::uint64_t pages = std::max<std::uint64_t>(1, (size_ - size_ % page_size) / page_size + 1);
    held_.assign(static_cast<std::size_t>(std::min<std::uint64_t>(pages, page_count)), nothing);
    pages_ = std::make_unique_for_overwrite<std::byte[]>(held_.size() * page_size);
}

void Metadata::exhaust(std::string_view what) {
    exhausted_ = true;
    throw Error(ErrorCode::limit_exceeded, "HDF5: " + std::string(what))
        .hint(
            "a file written by Keras or h5py stays far below this; raise the limits only for a file you "
            "trust");
}

void Metadata::charge(std::uint64_t bytes) {
    if (bytes > memory_budget_)
        exhaust("names, attributes and objects take more memory than this file may ask for");
    memory_budget_ -= bytes;
}

void Metadata::require(std::uint64_t position, std::uint64_t length, std::string_view structure) const {
    if (fits(position, length, size_)) return;
    throw Error(ErrorCode::truncated, "HDF5: the file ends before " + std::string(structure) + " of " +
                                          std::to_string(length) + " bytes")
        .at(position);
}

/// Reads a page, and more of them the longer the reading goes on forwards: files are mostly read as they were
/// written, while the nodes of a large group lie scattered.
void Metadata::load(std::uint64_t number) {
    constexpr std::uint64_t near = 4;
    const bool forward = number >= next_page_ && number - next_page_ < near;
    ahead_ = forward ? std::min(ahead_ * 2, most_ahead) : 1;
    const auto slot = static_cast<std::size_t>(number % held_.size());
    const std::uint64_t pages = (size_ - number * page_size + page_size - 1) / page_size;
    const std::size_t count = std::min<std::uint64_t>({ahead_, held_.size() - slot, pages});
    const std::uint64_t begin = number * page_size;
    const std::uint64_t length = std::min<std::uint64_t>(count * page_size, size_ - begin);
    std::fill_n(held_.begin() + static_cast<std::ptrdiff_t>(slot), count,
                nothing);  // stays so when the read throws
    source_.read_at(begin, {pages_.get() + slot * page_size, static_cast<std::size_t>(length)});
    for (std::size_t i = 0; i < count; ++i)
        held_[slot + i] = number + i;
    next_page_ = number + count;
}

const std::byte* Metadata::page(std::uint64_t number) {
    const auto slot = static_cast<std::size_t>(number % held_.size());
    if (held_[slot] != number) load(number);
    return pages_.get() + slot * page_size;
}

void Metadata::read(std::uint64_t position, std::span<std::byte> out, std::string_view structure) {
    require(position, out.size(), structure);
    if (out.size() > read_budget_) exhaust("structures overlap: the same bytes are read over and over");
    read_budget_ -= out.size();
    if (out.size() >= most_ahead * page_size) return source_.read_at(position, out);
    while (!out.empty()) {
        const std::size_t within = static_cast<std::size_t>(position % page_size);
        const std::size_t count = std::min(out.size(), page_size - within);
        std::memcpy(out.data(), page(position / page_size) + within, count);
        out = out.subspan(count);
        position += count;
    }
}

std::span<const std::byte> Metadata::read(std::uint64_t position, std::uint64_t length,
                                          std::vector<std::byte>& buffer, std::string_view structure) {
    require(position, length, structure);
    const auto count = static_cast<std::size_t>(length);
    if (buffer.size() < count) buffer.resize(count);
    const std::span<std::byte> out(buffer.data(), count);
    read(position, out, structure);
    return out;
}

std::uint64_t Metadata::address(Cursor& cursor) const {
    const std::uint64_t at = cursor.position();
    const std::uint64_t value = cursor.number(geometry.offset_size);
    if (value == geometry.undefined_address()) return format::undefined;
    const auto position = checked_add(value, geometry.base);
    if (!position || *position > size_) {
        throw Error(ErrorCode::truncated,
                    "HDF5: " + std::string(cursor.structure()) + " points behind the end of the file")
            .at(at);
    }
    return *position;
}

std::uint64_t Metadata::defined_address(Cursor& cursor) const {
    const std::uint64_t position = address(cursor);
    if (position == format::undefined) cursor.fail("has no address where one is needed");
    return position;
}

bool Metadata::is_unlimited(std::uint64_t length) const noexcept {
    return length == format::undefined >> (64 - 8 * geometry.length_size);
}

bool PositionSet::insert(std::uint64_t position) {
    if ((used_ + 1) * 2 > slots_.size()) grow();
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = hash_of(position) & mask;; i = (i + 1) & mask) {
        if (slots_[i] == position) return false;
        if (slots_[i] != format::undefined) continue;
        slots_[i] = position;
        ++used_;
        return true;
    }
}

void PositionSet::grow() {
    std::vector<std::uint64_t> old(std::max<std::size_t>(16, slots_.size() * 2), format::undefined);
    old.swap(slots_);
    used_ = 0;
    for (const std::uint64_t position : old) {
        if (position != format::undefined) insert(position);
    }
}

void PositionSet::clear() noexcept {
    // A set that once grew large must not make clearing it before every small structure slow.
    if (slots_.size() > 256) slots_ = {};
    std::fill(slots_.begin(), slots_.end(), format::undefined);
    used_ = 0;
}

}  // namespace ballast::hdf5
