// SPDX-License-Identifier: Apache-2.0
// Finding objects in fractal heaps.
#include "container/hdf5/parse_fractal_heap.h"

#include <algorithm>
#include <bit>

#include "container/hdf5/parse_btree2.h"
#include "container/hdf5/read_checksum.h"
#include "core/checked.h"

namespace ballast::hdf5 {

namespace {

constexpr std::string_view header_name = "a fractal heap", direct_name = "a fractal heap's direct block",
                           indirect_name = "a fractal heap's indirect block", id_name = "a fractal heap ID";
constexpr unsigned widest_table = 1u << 12;

std::uint64_t log2(std::uint64_t value) {
    return static_cast<std::uint64_t>(std::bit_width(value)) - 1;
}

}  // namespace

FractalHeap::FractalHeap(Metadata& metadata, std::uint64_t position)
    : metadata_(metadata), position_(position) {
    const std::size_t o = metadata.geometry.offset_size, l = metadata.geometry.length_size;
    const auto bytes = metadata.read(position, 26 + 12 * l + 3 * o, buffer_, header_name);
    Cursor cursor(bytes, position, header_name);
    cursor.expect(format::fractal_heap);
    if (const int version = cursor.u8(); version != 0)
        cursor.unsupported("has version " + std::to_string(version));
    id_length_ = cursor.u16();
    if (cursor.u16() != 0) cursor.unsupported("is stored with filters");
    verify_checksum(bytes, position, header_name);
    checksummed_ = (cursor.u8() & 2) != 0;
    largest_managed_ = cursor.u32();
    cursor.skip(l);  // next huge ID
    huge_tree_ = metadata.address(cursor);
    cursor.skip(l);      // free space
    cursor.skip(o);      // its manager
    cursor.skip(8 * l);  // statistics
    width_ = cursor.u16();
    start_size_ = metadata.length(cursor);
    largest_direct_ = metadata.length(cursor);
    const std::uint64_t bits = cursor.u16();
    cursor.skip(2);  // rows to begin with
    root_ = metadata.address(cursor);
    root_rows_ = cursor.u16();
    if (!std::has_single_bit(width_) || !std::has_single_bit(start_size_) ||
        !std::has_single_bit(largest_direct_) || width_ > widest_table || largest_direct_ > 1ull << 32 ||
        start_size_ > largest_direct_) {
        cursor.fail("has impossible block sizes");
    }
    if (bits == 0 || bits > 64 || root_rows_ > 64) cursor.fail("has an impossible size");
    offset_width_ = static_cast<std::size_t>(bits + 7) / 8;
    length_width_ = static_cast<std::size_t>(std::min<std::uint64_t>(
        (log2(largest_direct_) + 7) / 8, (log2(std::max<std::uint64_t>(1, largest_managed_)) + 8) / 8));
    direct_rows_ = log2(largest_direct_) - log2(start_size_) + 2;
    if (id_length_ < 2 || id_length_ > 64) cursor.fail("has IDs of an impossible length");
}

std::size_t FractalHeap::block_prefix() const noexcept {
    return 5 + metadata_.geometry.offset_size + offset_width_ + (checksummed_ ? 4u : 0u);
}

FractalHeap::Found FractalHeap::object(std::span<const std::byte> id, std::uint64_t id_position) {
    Cursor cursor(id, id_position, id_name);
    const unsigned first = cursor.u8();
    if (first >> 6 != 0) cursor.unsupported("has an unknown version");
    Place place;
    switch (first >> 4 & 3) {
        case 0: {
            const std::uint64_t offset = cursor.number(offset_width_);
            place = managed(offset, cursor.number(length_width_));
            break;
        }
        case 1:
            place = huge(cursor);
            break;
        case 2: {
            std::size_t length = first & 15;
            if (id_length_ > 17) length = length << 8 | cursor.u8();
            const std::uint64_t at = cursor.position();
            const auto bytes = cursor.take(length + 1);
            buffer_.assign(bytes.begin(), bytes.end());
            return {buffer_, at};
        }
        default:
            cursor.fail("has an unknown type");
    }
    if (place.length > metadata_.limits().attribute_bytes) {
        throw Error(ErrorCode::limit_exceeded,
                    "HDF5: an object of a fractal heap is larger than the limit of " +
                        std::to_string(metadata_.limits().attribute_bytes) + " bytes")
            .at(place.position);
    }
    return {metadata_.read(place.position, place.length, buffer_, "an object of a fractal heap"),
            place.position};
}

FractalHeap::Place FractalHeap::managed(std::uint64_t offset, std::uint64_t length) {
    const auto damaged = [&](const char* what) {
        throw Error(ErrorCode::damaged, std::string("HDF5: a fractal heap ID ") + what).at(position_);
    };
    if (length == 0 || length > largest_managed_) damaged("has an impossible length");
    if (root_ == format::undefined) damaged("leads into an empty heap");
    if (root_rows_ == 0) return in_direct_block(root_, start_size_, 0, offset, length);
    std::uint64_t block = root_, base = 0, rows = root_rows_;
    while (true) {
        // Row 0 and 1 have blocks of the starting size; each later row has blocks twice as large as the one
        // before.
        const std::uint64_t relative = offset - base;
        const std::uint64_t unit = start_size_ * width_;
        const std::uint64_t row = relative < unit ? 0 : log2(relative / unit) + 1;
        if (row >= rows) damaged("leads behind the end of the heap");
        const std::uint64_t size = row == 0 ? start_size_ : start_size_ << (row - 1);
        if (size == 0) damaged("leads into a block without a size");
        const std::uint64_t row_start = row == 0 ? 0 : unit << (row - 1);
        const std::uint64_t column = (relative - row_start) / size;
        const std::uint64_t child = indirect_block(block, rows, base).children[row * width_ + column];
        if (child == format::undefined) damaged("leads to a block that is not there");
        base += row_start + column * size;
        if (row < direct_rows_) return in_direct_block(child, size, base, offset, length);
        if (size < unit) damaged("leads to an impossible block");
        rows = log2(size) - log2(unit) + 1;
        block = child;
    }
}

FractalHeap::Place FractalHeap::in_direct_block(std::uint64_t block, std::uint64_t size, std::uint64_t base,
                                                std::uint64_t offset, std::uint64_t length) {
    if (checked_.insert(block)) check_direct_block(block, size, base);
    const std::uint64_t within = offset - base;
    if (within < block_prefix() || !fits(within, length, size)) {
        throw Error(ErrorCode::damaged, "HDF5: a fractal heap ID leads out of its block").at(block);
    }
    return {block + within, length};
}

void FractalHeap::check_direct_block(std::uint64_t block, std::uint64_t size, std::uint64_t base) {
    const auto bytes = metadata_.read(block, size, block_, direct_name);
    Cursor cursor(bytes, block, direct_name);
    cursor.expect(format::fractal_direct);
    if (const int version = cursor.u8(); version != 0)
        cursor.unsupported("has version " + std::to_string(version));
    if (metadata_.address(cursor) != position_) cursor.fail("belongs to another heap");
    if (cursor.number(offset_width_) != base) cursor.fail("lies at another place than it says");
    if (!checksummed_) return;
    // The checksum covers the whole block with the checksum's own bytes taken as zero.
    const std::size_t at = cursor.consumed();
    const std::uint32_t stored = cursor.u32();
    std::fill_n(block_.begin() + static_cast<std::ptrdiff_t>(at), 4, std::byte{0});
    if (lookup3(std::span(block_).first(static_cast<std::size_t>(size))) != stored) {
        throw Error(ErrorCode::checksum_mismatch,
                    "HDF5: the checksum of a fractal heap's direct block does not fit it")
            .at(block);
    }
}

const FractalHeap::IndirectBlock& FractalHeap::indirect_block(std::uint64_t position, std::uint64_t rows,
                                                              std::uint64_t base) {
    const auto known = indirect_.find(position);
    if (known != indirect_.end()) {
        if (known->second.children.size() != rows * width_) {
            throw Error(ErrorCode::damaged, "HDF5: a fractal heap uses one block twice").at(position);
        }
        return known->second;
    }
    const std::size_t o = metadata_.geometry.offset_size;
    const std::uint64_t length = 5 + o + offset_width_ + rows * width_ * o + 4;
    const auto bytes = metadata_.read(position, length, block_, indirect_name);
    Cursor cursor(bytes, position, indirect_name);
    cursor.expect(format::fractal_indirect);
    verify_checksum(bytes, position, indirect_name);
    if (const int version = cursor.u8(); version != 0)
        cursor.unsupported("has version " + std::to_string(version));
    if (metadata_.address(cursor) != position_) cursor.fail("belongs to another heap");
    if (cursor.number(offset_width_) != base) cursor.fail("lies at another place than it says");
    IndirectBlock block;
    metadata_.charge(rows * width_ * sizeof(std::uint64_t));
    block.children.reserve(static_cast<std::size_t>(rows * width_));
    for (std::uint64_t i = 0; i < rows * width_; ++i)
        block.children.push_back(metadata_.address(cursor));
    return indirect_.emplace(position, std::move(block)).first->second;
}

// ---- Huge objects ----

void FractalHeap::load_huge() {
    huge_loaded_ = true;
    if (huge_tree_ == format::undefined) return;
    const std::size_t o = metadata_.geometry.offset_size, l = metadata_.geometry.length_size;
    for_each_record(metadata_, huge_tree_, format::Tree2Type::huge_indirect, o + 2 * l,
                    [&](std::span<const std::byte> record, std::uint64_t position) {
                        Cursor cursor(record, position, "a huge object's record");
                        Place place;
                        place.position = metadata_.defined_address(cursor);
                        place.length = metadata_.length(cursor);
                        metadata_.charge(sizeof(Place) + 32);
                        huge_.emplace(metadata_.length(cursor), place);
                    });
}

FractalHeap::Place FractalHeap::huge(Cursor& id) {
    const std::size_t o = metadata_.geometry.offset_size, l = metadata_.geometry.length_size;
    if (o + l <= id_length_ - 1) {
        Place place;
        place.position = metadata_.defined_address(id);
        place.length = metadata_.length(id);
        return place;
    }
    if (!huge_loaded_) load_huge();
    const auto found = huge_.find(id.number(std::min(l, id_length_ - 1)));
    if (found == huge_.end()) id.fail("names a huge object that is not listed");
    return found->second;
}

}  // namespace ballast::hdf5
