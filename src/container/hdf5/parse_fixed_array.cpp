// SPDX-License-Identifier: Apache-2.0
// Fixed arrays: the chunk index of datasets that cannot grow.
#include <algorithm>

#include "container/hdf5/parse_chunk_index.h"
#include "container/hdf5/read_checksum.h"
#include "core/checked.h"

namespace ballast::hdf5 {

namespace {

constexpr std::string_view header_name = "a fixed array", block_name = "a fixed array's data block",
                           page_name = "a fixed array's page";

class FixedArray {
public:
    FixedArray(Metadata& metadata, const ChunkedData& data, ChunkCollector& out)
        : metadata_(metadata), data_(data), out_(out), grid_(data, 0) {}

    void read() {
        const std::size_t o = metadata_.geometry.offset_size;
        const std::uint64_t position = data_.layout->address;
        const auto bytes =
            metadata_.read(position, 8 + metadata_.geometry.length_size + o + 4, buffer_, header_name);
        Cursor cursor(bytes, position, header_name);
        cursor.expect(format::fixed_array_header);
        verify_checksum(bytes, position, header_name);
        if (const int version = cursor.u8(); version != 0) {
            cursor.unsupported("has version " + std::to_string(version));
        }
        const ChunkElement element(metadata_, data_, cursor);
        const unsigned page_bits = cursor.u8();
        if (page_bits == 0 || page_bits >= 32) cursor.fail("has pages of an impossible size");
        entries_ = metadata_.length(cursor);
        const std::uint64_t rows = (data_.shape[0] - 1) / data_.chunk[0] + 1;
        const auto needed = checked_multiply(rows, grid_.step());
        if (!needed || entries_ < *needed) cursor.fail("has fewer entries than its dataset has chunks");
        page_entries_ = std::uint64_t{1} << page_bits;
        const std::uint64_t block = metadata_.address(cursor);
        if (block != format::undefined) read_block(block, element);
    }

private:
    void read_block(std::uint64_t position, const ChunkElement& element) {
        const std::size_t prefix = 6u + metadata_.geometry.offset_size;
        const bool paged = entries_ > page_entries_;
        const std::uint64_t pages = (entries_ - 1) / page_entries_ + 1;
        const auto content =
            paged ? std::optional((pages - 1) / 8 + 1) : checked_multiply(entries_, element.size());
        const auto length = content ? checked_add(*content, prefix + 4) : std::nullopt;
        if (!length) throw Error(ErrorCode::damaged, "HDF5: a fixed array is impossibly long").at(position);
        const auto bytes = metadata_.read(position, *length, buffer_, block_name);
        Cursor cursor(bytes, position, block_name);
        cursor.expect(format::fixed_array_block);
        verify_checksum(bytes, position, block_name);
        if (const int version = cursor.u8(); version != 0) {
            cursor.unsupported("has version " + std::to_string(version));
        }
        if ((cursor.u8() == 1) != element.filtered())
            cursor.fail("has elements of another kind than its array");
        if (metadata_.address(cursor) != data_.layout->address) cursor.fail("belongs to another array");
        if (!paged) return read_elements(cursor, 0, entries_, element);
        const auto bitmap = cursor.take(*content);
        std::vector<std::byte> page;
        for (std::uint64_t i = 0; i < pages; ++i) {
            // The bits count from the highest. Where one is not set, the page was never written: its bytes
            // are anything.
            if ((std::to_integer<unsigned>(bitmap[i / 8]) >> (7 - i % 8) & 1) == 0) continue;
            read_page(position + *length, i, element, page);
        }
    }

    void read_page(std::uint64_t start, std::uint64_t number, const ChunkElement& element,
                   std::vector<std::byte>& buffer) {
        const std::uint64_t stride = page_entries_ * element.size() + 4;
        const std::uint64_t first = number * page_entries_, count = std::min(page_entries_, entries_ - first);
        const auto offset = checked_multiply(number, stride);
        const auto position = offset ? checked_add(*offset, start) : std::nullopt;
        if (!position) throw Error(ErrorCode::damaged, "HDF5: a fixed array is impossibly long").at(start);
        const auto bytes = metadata_.read(*position, count * element.size() + 4, buffer, page_name);
        verify_checksum(bytes, *position, page_name);
        Cursor cursor(bytes, *position, page_name);
        read_elements(cursor, first, count, element);
    }

    void read_elements(Cursor& cursor, std::uint64_t first, std::uint64_t count,
                       const ChunkElement& element) {
        for (std::uint64_t i = 0; i < count; ++i) {
            const StoredChunk chunk = element.read(cursor);
            if (chunk.address != format::undefined) out_.add(grid_.coordinates(first + i), chunk, cursor);
        }
    }

    Metadata& metadata_;
    const ChunkedData& data_;
    ChunkCollector& out_;
    LinearGrid grid_;
    std::uint64_t entries_ = 0, page_entries_ = 0;
    std::vector<std::byte> buffer_;
};

}  // namespace

void read_fixed_array(Metadata& metadata, const ChunkedData& data, ChunkCollector& out) {
    FixedArray(metadata, data, out).read();
}

}  // namespace ballast::hdf5
