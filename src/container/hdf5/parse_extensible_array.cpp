// SPDX-License-Identifier: Apache-2.0
// Extensible arrays: the chunk index of datasets that grow along one axis.
//
// The header leads to an index block: the first elements, addresses of data blocks, and addresses of super
// blocks, which hold addresses of more data blocks. Super block u stands for 2^(u/2) data blocks of
// 2^((u+1)/2) times the smallest number of elements; the first few super blocks are not stored: their data
// blocks are in the index block.
#include <algorithm>
#include <bit>

#include "container/hdf5/parse_chunk_index.h"
#include "container/hdf5/read_checksum.h"
#include "core/checked.h"

namespace ballast::hdf5 {

namespace {

constexpr std::string_view header_name = "an extensible array",
                           index_name = "an extensible array's index block",
                           super_name = "an extensible array's super block",
                           block_name = "an extensible array's data block",
                           page_name = "an extensible array's page";

unsigned log2(std::uint64_t value) {
    return static_cast<unsigned>(std::bit_width(value)) - 1;
}

/// The only axis without a largest size.
std::size_t growing_axis(const ChunkedData& data) {
    const auto unlimited = std::count(data.max.begin(), data.max.end(), format::undefined);
    if (unlimited != 1) {
        throw Error(ErrorCode::damaged, "HDF5: an extensible array does not suit its dataset")
            .at(data.layout->address);
    }
    return static_cast<std::size_t>(std::find(data.max.begin(), data.max.end(), format::undefined) -
                                    data.max.begin());
}

class ExtensibleArray {
public:
    ExtensibleArray(Metadata& metadata, const ChunkedData& data, ChunkCollector& out)
        : metadata_(metadata), data_(data), out_(out), grid_(data, growing_axis(data)) {}

    void read() {
        const std::size_t o = metadata_.geometry.offset_size, l = metadata_.geometry.length_size;
        const std::uint64_t position = data_.layout->address;
        const auto bytes = metadata_.read(position, 12 + 6 * l + o + 4, buffer_, header_name);
        Cursor cursor(bytes, position, header_name);
        cursor.expect(format::extensible_array_header);
        verify_checksum(bytes, position, header_name);
        if (const int version = cursor.u8(); version != 0) {
            cursor.unsupported("has version " + std::to_string(version));
        }
        const ChunkElement element(metadata_, data_, cursor);
        read_sizes(cursor);
        cursor.skip(4 * l);  // how many blocks there are
        stored_ = metadata_.length(cursor);
        cursor.skip(l);  // how many elements were made
        const std::uint64_t index = metadata_.address(cursor);
        if (index != format::undefined) read_index(index, element);
    }

private:
    /// A super block's place among all elements.
    struct Super {
        std::uint64_t blocks, elements, first;  ///< data blocks, elements of each, first element of all
    };
    Super super(unsigned number) const {
        const std::uint64_t elements = (std::uint64_t{1} << (number + 1) / 2) * smallest_;
        return {std::uint64_t{1} << number / 2, elements, ((std::uint64_t{1} << number) - 1) * smallest_};
    }

    void read_sizes(Cursor& cursor) {
        const unsigned bits = cursor.u8();
        in_index_ = cursor.u8();
        smallest_ = cursor.u8();
        const unsigned pointers = cursor.u8(), page_bits = cursor.u8();
        const bool sane = bits > 0 && bits <= 64 && std::has_single_bit(smallest_) &&
                          std::has_single_bit(pointers) && page_bits > 0 && page_bits < 32 &&
                          log2(smallest_) < bits;
        if (!sane) cursor.fail("has impossible sizes");
        supers_ = 1 + bits - log2(smallest_);
        direct_supers_ = 2 * log2(pointers);
        direct_blocks_ = 2 * (std::uint64_t{pointers} - 1);
        if (direct_supers_ > supers_) cursor.fail("has impossible sizes");
        offset_width_ = (bits + 7) / 8;
        page_elements_ = std::uint64_t{1} << page_bits;
    }

    /// Reads a block, checks what its kind has in common, and leaves the cursor behind it.
    Cursor open(std::uint64_t position, std::uint64_t content, bool with_offset, std::string_view signature,
                std::string_view name, std::vector<std::byte>& buffer) {
        const std::size_t prefix = 6u + metadata_.geometry.offset_size + (with_offset ? offset_width_ : 0);
        if (!seen_.insert(position)) {
            throw Error(ErrorCode::damaged, "HDF5: an extensible array uses one block twice").at(position);
        }
        const auto length = checked_add(content, prefix + 4);
        if (!length)
            throw Error(ErrorCode::damaged, "HDF5: an extensible array is impossibly long").at(position);
        const auto bytes = metadata_.read(position, *length, buffer, name);
        Cursor cursor(bytes, position, name);
        cursor.expect(signature);
        verify_checksum(bytes, position, name);
        if (const int version = cursor.u8(); version != 0) {
            cursor.unsupported("has version " + std::to_string(version));
        }
        cursor.skip(1);  // the kind of its elements, as in the header
        if (metadata_.address(cursor) != data_.layout->address) cursor.fail("belongs to another array");
        // Libraries disagree about the offset of blocks that the index block points to, so it is not
        // compared.
        if (with_offset) cursor.skip(offset_width_);
        return cursor;
    }

    void read_index(std::uint64_t position, const ChunkElement& element) {
        const std::size_t o = metadata_.geometry.offset_size;
        const std::uint64_t addresses = direct_blocks_ + (supers_ - direct_supers_);
        Cursor cursor = open(position, in_index_ * element.size() + addresses * o, false,
                             format::extensible_array_index, index_name, buffer_);
        read_elements(cursor, 0, in_index_, element);
        for (unsigned number = 0; number < direct_supers_; ++number) {
            const Super place = super(number);
            for (std::uint64_t block = 0; block < place.blocks; ++block) {
                const std::uint64_t address = metadata_.address(cursor);
                if (address == format::undefined) continue;
                if (place.elements > page_elements_) cursor.unsupported("leads to data blocks with pages");
                read_block(address, place.first + block * place.elements, place.elements, element);
            }
        }
        for (unsigned number = direct_supers_; number < supers_; ++number) {
            const std::uint64_t address = metadata_.address(cursor);
            if (address != format::undefined) read_super(address, number, element);
        }
    }

    void read_super(std::uint64_t position, unsigned number, const ChunkElement& element) {
        // No dataset has 2^48 chunks, and below that nothing here overflows.
        if (number >= 48)
            throw Error(ErrorCode::damaged, "HDF5: an extensible array is impossibly long").at(position);
        const Super place = super(number);
        const std::uint64_t pages = place.elements > page_elements_ ? place.elements / page_elements_ : 0;
        const std::uint64_t bitmap_bytes = place.blocks * ((pages + 7) / 8);
        const std::uint64_t content = bitmap_bytes + place.blocks * metadata_.geometry.offset_size;
        std::vector<std::byte> buffer;
        Cursor cursor = open(position, content, true, format::extensible_array_super, super_name, buffer);
        const auto bitmap = cursor.take(bitmap_bytes);
        for (std::uint64_t block = 0; block < place.blocks; ++block) {
            const std::uint64_t address = metadata_.address(cursor);
            if (address == format::undefined) continue;
            const std::uint64_t first = place.first + block * place.elements;
            if (pages == 0) {
                read_block(address, first, place.elements, element);
            } else {
                read_pages(address, first, bitmap, block * pages, pages, element);
            }
        }
    }

    void read_block(std::uint64_t position, std::uint64_t first, std::uint64_t count,
                    const ChunkElement& element) {
        const auto content = checked_multiply(count, element.size());
        if (!content)
            throw Error(ErrorCode::damaged, "HDF5: an extensible array is impossibly long").at(position);
        Cursor cursor = open(position, *content, true, format::extensible_array_block, block_name, block_);
        read_elements(cursor, in_index_ + first, count, element);
    }

    /// The bits of all data blocks of a super block follow each other without gaps, from the highest of each
    /// byte.
    void read_pages(std::uint64_t position, std::uint64_t first, std::span<const std::byte> bitmap,
                    std::uint64_t first_bit, std::uint64_t pages, const ChunkElement& element) {
        const Cursor head = open(position, 0, true, format::extensible_array_block, block_name, block_);
        const std::uint64_t start = position + head.consumed() + 4,
                            size = page_elements_ * element.size() + 4;
        for (std::uint64_t page = 0; page < pages; ++page) {
            const std::uint64_t bit = first_bit + page;
            if ((std::to_integer<unsigned>(bitmap[bit / 8]) >> (7 - bit % 8) & 1) == 0) continue;
            const auto offset = checked_multiply(page, size);
            const auto at = offset ? checked_add(start, *offset) : std::nullopt;
            if (!at)
                throw Error(ErrorCode::damaged, "HDF5: an extensible array is impossibly long").at(position);
            const auto bytes = metadata_.read(*at, size, block_, page_name);
            verify_checksum(bytes, *at, page_name);
            Cursor cursor(bytes, *at, page_name);
            read_elements(cursor, in_index_ + first + page * page_elements_, page_elements_, element);
        }
    }

    void read_elements(Cursor& cursor, std::uint64_t first, std::uint64_t count,
                       const ChunkElement& element) {
        for (std::uint64_t i = 0; i < count; ++i) {
            const StoredChunk chunk = element.read(cursor);
            if (chunk.address == format::undefined || first + i >= stored_) continue;
            out_.add(grid_.coordinates(first + i), chunk, cursor);
        }
    }

    Metadata& metadata_;
    const ChunkedData& data_;
    ChunkCollector& out_;
    LinearGrid grid_;
    std::uint64_t stored_ = 0, in_index_ = 0, direct_blocks_ = 0, page_elements_ = 0;
    unsigned smallest_ = 1, supers_ = 0, direct_supers_ = 0;
    std::size_t offset_width_ = 0;
    PositionSet seen_;
    std::vector<std::byte> buffer_, block_;
};

}  // namespace

void read_extensible_array(Metadata& metadata, const ChunkedData& data, ChunkCollector& out) {
    ExtensibleArray(metadata, data, out).read();
}

}  // namespace ballast::hdf5
