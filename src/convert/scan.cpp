// SPDX-License-Identifier: Apache-2.0
// Cutting values in blocks and reading them with a worker pool, see scan.h.
#include "convert/scan.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>

#include "ballast/error.h"
#include "convert/chunk_grid.h"
#include "io/worker_pool.h"
#include "model/evaluate.h"

namespace ballast {
namespace {

constexpr std::uint64_t usual_bytes = std::uint64_t{1} << 20;
constexpr std::uint64_t large_bytes = std::uint64_t{8} << 20;      ///< above it one block at a time
constexpr std::uint64_t largest_bytes = std::uint64_t{256} << 20;  ///< of rows of chunks
/// Blocks begin at whole bytes also where elements are smaller.
constexpr std::uint64_t element_step = 8;

std::uint64_t bytes_of(const TensorExpr& value, std::uint64_t elements) {
    return byte_size(value.dtype(), elements);
}

/// How many elements a block of this value should have.
std::uint64_t block_elements(const TensorExpr& value) {
    const std::uint64_t total = value.shape().element_count();
    if (!is_streamable(value)) return total;
    const std::uint64_t bits = std::max<std::uint64_t>(info(value.dtype()).bits, 1);
    const std::uint64_t slab = std::min(decoding_step(value), largest_bytes);
    const std::uint64_t wanted =
        slab == 0 ? usual_bytes : std::max(usual_bytes / slab, std::uint64_t{1}) * slab;
    return std::max<std::uint64_t>(wanted * 8 / bits / element_step * element_step, element_step);
}

std::uint64_t largest_block(const ScanItem& item, std::uint64_t elements) {
    std::uint64_t bytes = 0;
    for (const TensorExpr& value : item)
        bytes = std::max(bytes, bytes_of(value, elements));
    return bytes;
}

/// Runs blocks through the visitor; owns each worker's buffers.
class Scanner {
public:
    Scanner(std::span<const ScanItem> items, std::span<const ScanBlock> blocks, const ScanOptions& options,
            const ScanVisit& visit)
        : items_(items), blocks_(blocks), options_(options), visit_(visit) {
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            const ScanItem& item = items[blocks[i].item];
            const bool large = largest_block(item, blocks[i].count) > large_bytes;
            (large ? large_ : usual_).push_back(i);
            for (const TensorExpr& value : item)
                total_ += bytes_of(value, blocks[i].count);
        }
    }

    void run() {
        run(usual_, scan_threads(options_.threads, usual_.size()));
        run(large_, 1);
    }

private:
    using Buffer = std::vector<std::byte>;

    void run(const std::vector<std::size_t>& numbers, unsigned threads) {
        io::WorkerPool pool(threads);
        std::vector<std::vector<Buffer>> buffers(threads);
        pool.run(
            numbers.size(), [&](std::size_t job, unsigned worker) { read(numbers[job], buffers[worker]); },
            [this] { watch(); });
    }

    void read(std::size_t number, std::vector<Buffer>& buffers) {
        const ScanBlock& block = blocks_[number];
        const ScanItem& item = items_[block.item];
        if (buffers.size() < item.size()) buffers.resize(item.size());
        std::vector<std::span<const std::byte>> bytes;
        std::uint64_t read = 0;
        for (std::size_t i = 0; i < item.size(); ++i) {
            const auto size = static_cast<std::size_t>(bytes_of(item[i], block.count));
            if (buffers[i].size() < size) buffers[i].resize(size);
            const std::span<std::byte> into(buffers[i].data(), size);
            evaluate(item[i], bytes_of(item[i], block.first), into);
            bytes.push_back(into);
            read += size;
        }
        visit_(number, bytes);
        done_.fetch_add(read, std::memory_order_relaxed);
    }

    void watch() {
        if (options_.cancel && options_.cancel())
            throw Error(ErrorCode::cancelled, "the operation was cancelled");
        if (options_.progress) options_.progress({done_.load(std::memory_order_relaxed), total_});
    }

    std::span<const ScanItem> items_;
    std::span<const ScanBlock> blocks_;
    const ScanOptions& options_;
    const ScanVisit& visit_;
    std::vector<std::size_t> usual_, large_;
    std::uint64_t total_ = 0;
    std::atomic<std::uint64_t> done_{0};
};

}  // namespace

unsigned scan_threads(unsigned wanted, std::size_t jobs) {
    constexpr unsigned most = 8;
    if (wanted == 0) wanted = std::clamp(std::thread::hardware_concurrency(), 1U, most);
    return static_cast<unsigned>(std::clamp<std::size_t>(jobs, 1, wanted));
}

std::vector<ScanBlock> cut_blocks(std::span<const ScanItem> items) {
    std::vector<ScanBlock> blocks;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (items[i].empty()) continue;
        const std::uint64_t total = items[i].front().shape().element_count();
        std::uint64_t step = 0;
        for (const TensorExpr& value : items[i]) {
            if (value.shape().element_count() != total)
                throw Error(ErrorCode::shape_mismatch, "values scanned side by side differ in size");
            step = std::max(step, block_elements(value));
        }
        for (std::uint64_t first = 0; first < total; first += step)
            blocks.push_back({i, first, std::min(step, total - first)});
    }
    return blocks;
}

void scan(std::span<const ScanItem> items, std::span<const ScanBlock> blocks, const ScanOptions& options,
          const ScanVisit& visit) {
    Scanner(items, blocks, options, visit).run();
}

}  // namespace ballast
