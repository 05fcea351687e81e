// SPDX-License-Identifier: Apache-2.0
// Reading a range of a tensor's bytes from whatever storage it has.
#include <algorithm>
#include <array>
#include <cstring>
#include <thread>

#include "ballast/error.h"
#include "core/checked.h"
#include "filter/chunk_copy.h"
#include "filter/decode.h"
#include "io/worker_pool.h"

namespace ballast {

namespace {

void read_stored(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> out);

void read_extent(const TensorInfo& tensor, const Extent& extent, std::uint64_t begin,
                 std::span<std::byte> out) {
    if (extent.length == 0) {  // never written
        std::fill(out.begin(), out.end(), std::byte{0});
        return;
    }
    if (!fits(begin, out.size(), extent.length)) {
        throw Error(ErrorCode::truncated, "a tensor's stored bytes are fewer than its shape needs")
            .at(extent.offset);
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
    const std::size_t first = std::min(out.size(), element.size());
    for (std::size_t i = 0; i < first; ++i)
        out[i] = element[(tensor_offset + i) % element.size()];
    for (std::size_t done = first; done < out.size();) {  // a whole number of elements, doubled each time
        const std::size_t more = std::min(done, out.size() - done);
        std::memcpy(out.data() + done, out.data(), more);
        done += more;
    }
}

/// Reads parts of one chunked tensor. Keeps its memory from chunk to chunk.
class ChunkedReader {
public:
    ChunkedReader(const TensorInfo& tensor, const ChunkedLayout& layout)
        : layout_(layout),
          grid_(tensor.shape, layout.chunk_shape, std::max<std::uint64_t>(1, byte_size(tensor.dtype, 1))),
          decoder_(layout.filters, grid_.chunk_bytes()) {}

    const filter::ChunkGrid& grid() const noexcept { return grid_; }

    void read(std::uint64_t begin, std::span<std::byte> out) {
        const auto [first, stop] = grid_.cells(begin, begin + out.size());
        read_cells(first, stop, begin, out, [](std::span<std::byte>) {});
    }

    /// What the cells [first, stop) have of the bytes [begin, begin + out.size()). Calls done(part of out)
    /// for each run.
    template <class Done>
    void read_cells(std::uint64_t first, std::uint64_t stop, std::uint64_t begin, std::span<std::byte> out,
                    Done done) {
        auto chunk = std::lower_bound(layout_.chunks.begin(), layout_.chunks.end(), first,
                                      [](const Chunk& c, std::uint64_t cell) { return c.grid_index < cell; });
        for (std::uint64_t cell = first; cell < stop; ++cell) {
            const bool stored = chunk != layout_.chunks.end() && chunk->grid_index == cell;
            std::span<const std::byte> decoded;
            grid_.runs(cell, begin, begin + out.size(), [&](const filter::ChunkRun& run) {
                const auto target = out.subspan(run.tensor_offset - begin, run.length);
                if (!stored) {
                    fill_with(layout_.fill, run.tensor_offset, target);
                } else if (run.length == grid_.chunk_bytes()) {
                    decode(*chunk, target);
                } else {
                    if (decoded.empty()) decoded = decode_apart(*chunk);
                    std::memcpy(target.data(), decoded.data() + run.chunk_offset, target.size());
                }
                done(target);
            });
            if (stored) ++chunk;
        }
    }

private:
    void decode(const Chunk& chunk, std::span<std::byte> out) {
        try {
            decoder_.check_size(chunk.length, chunk.filter_mask);
            if (layout_.filters.empty() && chunk.length == out.size()) {
                return layout_.source->read_at(chunk.offset, out);
            }
            stored_.resize(static_cast<std::size_t>(chunk.length));
            layout_.source->read_at(chunk.offset, stored_);
            decoder_.decode(stored_, chunk.filter_mask, out);
        } catch (Error& error) {
            error.at(chunk.offset);
            throw;
        }
    }

    std::span<const std::byte> decode_apart(const Chunk& chunk) {
        if (!whole_) {
            decoder_.check_size(chunk.length, chunk.filter_mask);
            whole_ =
                std::make_unique_for_overwrite<std::byte[]>(static_cast<std::size_t>(grid_.chunk_bytes()));
        }
        const std::span<std::byte> out(whole_.get(), static_cast<std::size_t>(grid_.chunk_bytes()));
        decode(chunk, out);
        return out;
    }

    const ChunkedLayout& layout_;
    filter::ChunkGrid grid_;
    ChunkDecoder decoder_;
    std::vector<std::byte> stored_;
    std::unique_ptr<std::byte[]> whole_;  ///< a chunk of which only a part is wanted
};

const ChunkedLayout* chunked_layout(const TensorInfo& tensor) {
    const auto* layout = std::get_if<std::shared_ptr<const ChunkedLayout>>(&tensor.storage.layout);
    return layout ? layout->get() : nullptr;
}

/// The bytes as stored, before any swapping.
void read_stored(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> out) {
    if (const auto* extent = std::get_if<Extent>(&tensor.storage.layout))
        return read_extent(tensor, *extent, begin, out);
    if (const auto* held = std::get_if<InlineBytes>(&tensor.storage.layout))
        return read_inline(*held, begin, out);
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

/// Chunks decoded in one job: enough that handing jobs out costs nothing beside them.
constexpr std::uint64_t job_bytes = 1 << 20, smallest_parallel = 4 << 20;

unsigned sensible_threads(unsigned wanted) {
    return wanted != 0 ? wanted : std::clamp(std::thread::hardware_concurrency(), 1u, 8u);
}

/// Every worker decodes chunks of its own straight to where they belong.
void read_in_parallel(const TensorInfo& tensor, const ChunkedLayout& layout, std::span<std::byte> out,
                      unsigned threads) {
    io::WorkerPool pool(threads);
    std::vector<std::unique_ptr<ChunkedReader>> readers(pool.threads());
    readers.front() = std::make_unique<ChunkedReader>(tensor, layout);
    const filter::ChunkGrid grid = readers.front()->grid();
    const std::uint64_t cells = grid.cells(0, out.size()).second;
    const std::uint64_t step = std::max<std::uint64_t>(1, job_bytes / grid.chunk_bytes());
    const bool swapped = swap_width(tensor) > 1;
    const auto work = [&](std::size_t job, unsigned worker) {
        if (!readers[worker]) readers[worker] = std::make_unique<ChunkedReader>(tensor, layout);
        const std::uint64_t first = job * step, stop = std::min(cells, first + step);
        readers[worker]->read_cells(first, stop, 0, out, [&](std::span<std::byte> part) {
            if (swapped) swap_bytes(part, tensor.dtype);
        });
    };
    pool.run(static_cast<std::size_t>((cells - 1) / step + 1), work, [] {});
}

/// Runs `read` and names the tensor and its file in what it throws.
template <class Read>
void read_for(const TensorInfo& tensor, std::uint64_t begin, std::size_t size, Read read) {
    try {
        if (!fits(begin, size, tensor.byte_count())) {
            throw Error(ErrorCode::invalid_argument, "a range outside of the tensor was asked for");
        }
        if (size != 0) read();
    } catch (Error& error) {
        error.in(source_path(tensor)).tensor(tensor.stored_name);
        throw;
    }
}

}  // namespace

void read_range(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> out) {
    read_for(tensor, begin, out.size(), [&] { read_swapped(tensor, begin, out); });
}

void read_tensor(const TensorInfo& tensor, std::span<std::byte> out, unsigned threads) {
    if (out.size() != tensor.byte_count()) {
        throw Error(ErrorCode::invalid_argument, "the buffer has another size than the tensor")
            .tensor(tensor.stored_name);
    }
    const ChunkedLayout* layout = chunked_layout(tensor);
    threads = sensible_threads(threads);
    read_for(tensor, 0, out.size(), [&] {
        if (layout && threads > 1 && layout->chunks.size() > 1 && out.size() >= smallest_parallel) {
            read_in_parallel(tensor, *layout, out, threads);
        } else {
            read_swapped(tensor, 0, out);
        }
    });
}

}  // namespace ballast
