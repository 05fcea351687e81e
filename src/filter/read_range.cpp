// SPDX-License-Identifier: Apache-2.0
// Reading a range of a tensor's bytes from whatever storage it has.
#include <algorithm>
#include <array>
#include <cstring>

#include "ballast/error.h"
#include "core/checked.h"
#include "filter/chunk_copy.h"
#include "filter/decode.h"

namespace ballast {

namespace {

void read_stored(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> out);

void read_extent(const TensorInfo& tensor, const Extent& extent, std::uint64_t begin, std::span<std::byte> out) {
    if (extent.length == 0) {  // never written
        std::fill(out.begin(), out.end(), std::byte{0});
        return;
    }
    if (!fits(begin, out.size(), extent.length)) {
        throw Error(ErrorCode::truncated, "a tensor's stored bytes are fewer than its shape needs").at(extent.offset);
    }
    extent.source->read_at(extent.offset + begin, out);
    static_cast<void>(tensor);
}

void read_inline(const InlineBytes& held, std::uint64_t begin, std::span<std::byte> out) {
    if (!fits(begin, out.size(), held.bytes.size())) {
        throw Error(ErrorCode::truncated, "a tensor's stored bytes are fewer than its shape needs");
    }
    if (!out.empty()) std::memcpy(out.data(), held.bytes.data() + begin, out.size());
}

void fill_with(std::span<const std::byte> element, std::uint64_t tensor_offset, std::span<std::byte> out) {
    if (element.empty()) {
        std::fill(out.begin(), out.end(), std::byte{0});
        return;
    }
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = element[(tensor_offset + i) % element.size()];
}

class ChunkedReader {
public:
    ChunkedReader(const TensorInfo& tensor, const ChunkedLayout& layout)
        : layout_(layout),
          grid_(tensor.shape, layout.chunk_shape, std::max<std::uint64_t>(1, byte_size(tensor.dtype, 1))) {}

    void read(std::uint64_t begin, std::span<std::byte> out) {
        const std::uint64_t end = begin + out.size();
        const auto [first, stop] = grid_.cells(begin, end);
        auto chunk = std::lower_bound(layout_.chunks.begin(), layout_.chunks.end(), first,
                                      [](const Chunk& c, std::uint64_t cell) { return c.grid_index < cell; });
        for (std::uint64_t cell = first; cell < stop; ++cell) {
            const bool stored = chunk != layout_.chunks.end() && chunk->grid_index == cell;
            std::vector<std::byte> decoded;
            grid_.runs(cell, begin, end, [&](const filter::ChunkRun& run) {
                const auto target = out.subspan(run.tensor_offset - begin, run.length);
                if (!stored) return fill_with(layout_.fill, run.tensor_offset, target);
                if (decoded.empty()) decoded = decode(*chunk);
                std::memcpy(target.data(), decoded.data() + run.chunk_offset, target.size());
            });
            if (stored) ++chunk;
        }
    }

private:
    std::vector<std::byte> decode(const Chunk& chunk) {
        try {
            buffer_.resize(static_cast<std::size_t>(chunk.length));
            layout_.source->read_at(chunk.offset, buffer_);
            return decode_chunk(buffer_, layout_.filters, chunk.filter_mask, grid_.chunk_bytes());
        } catch (Error& error) {
            error.at(chunk.offset);
            throw;
        }
    }

    const ChunkedLayout& layout_;
    filter::ChunkGrid grid_;
    std::vector<std::byte> buffer_;
};

/// The bytes as stored, before any swapping.
void read_stored(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> out) {
    if (const auto* extent = std::get_if<Extent>(&tensor.storage.layout)) return read_extent(tensor, *extent, begin, out);
    if (const auto* held = std::get_if<InlineBytes>(&tensor.storage.layout)) return read_inline(*held, begin, out);
    const auto& layout = std::get<std::shared_ptr<const ChunkedLayout>>(tensor.storage.layout);
    ChunkedReader(tensor, *layout).read(begin, out);
}

/// Bytes of the units that are swapped; 1 where nothing is.
std::uint64_t swap_width(const TensorInfo& tensor) {
    if (!tensor.storage.big_endian) return 1;
    const DTypeInfo& row = info(tensor.dtype);
    const std::uint64_t width = row.bits / (row.cls == DTypeClass::complex ? 16u : 8u);
    return std::max<std::uint64_t>(1, width);
}

/// Part of one swapped unit: `within` bytes into it.
void read_partial(const TensorInfo& tensor, std::uint64_t unit, std::uint64_t width, std::uint64_t within,
                  std::span<std::byte> out) {
    std::array<std::byte, 8> bytes{};
    const auto whole = std::span(bytes).first(width);
    read_stored(tensor, unit, whole);
    swap_bytes(whole, tensor.dtype);
    std::copy_n(whole.begin() + static_cast<std::ptrdiff_t>(within), out.size(), out.begin());
}

void read_swapped(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> out) {
    const std::uint64_t width = swap_width(tensor);
    if (begin % width != 0) {
        const std::uint64_t within = begin % width;
        const std::size_t count = std::min<std::size_t>(out.size(), width - within);
        read_partial(tensor, begin - within, width, within, out.first(count));
        out = out.subspan(count);
        begin += count;
    }
    const std::size_t whole = out.size() / width * width;
    if (whole != 0) {
        read_stored(tensor, begin, out.first(whole));
        if (width > 1) swap_bytes(out.first(whole), tensor.dtype);
    }
    if (whole != out.size()) read_partial(tensor, begin + whole, width, 0, out.subspan(whole));
}

const std::string& source_path(const TensorInfo& tensor) {
    static const std::string none;
    if (const auto* extent = std::get_if<Extent>(&tensor.storage.layout)) {
        return extent->source ? extent->source->path() : none;
    }
    if (const auto* layout = std::get_if<std::shared_ptr<const ChunkedLayout>>(&tensor.storage.layout)) {
        return (*layout)->source ? (*layout)->source->path() : none;
    }
    return none;
}

}  // namespace

void read_range(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> out) {
    try {
        if (!fits(begin, out.size(), tensor.byte_count())) {
            throw Error(ErrorCode::invalid_argument, "a range outside of the tensor was asked for");
        }
        if (!out.empty()) read_swapped(tensor, begin, out);
    } catch (Error& error) {
        error.in(source_path(tensor)).tensor(tensor.stored_name);
        throw;
    }
}

}  // namespace ballast
