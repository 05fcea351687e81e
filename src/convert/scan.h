// SPDX-License-Identifier: Apache-2.0
// Scanning tensors: reads many values block by block on several threads, in bounded memory.
//
// An item is one value, or several of equal element count that are read side by side. Blocks are about a MiB;
// where chunks must be decoded together they are as large as that takes, and those above 8 MiB pass one at a
// time. scan() is for one thread; it has its own workers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "ballast/model.h"
#include "ballast/options.h"

namespace ballast {

using ScanItem = std::vector<TensorExpr>;

/// A run of elements of one item.
struct ScanBlock {
    std::size_t item = 0;
    std::uint64_t first = 0, count = 0;
};

/// The blocks of all items, those of one item consecutive and in order. An item without elements has none.
/// Errors: shape_mismatch when the values of an item differ in their number of elements.
std::vector<ScanBlock> cut_blocks(std::span<const ScanItem> items);

struct ScanOptions {
    unsigned threads = 0;  ///< 0 = one a processor, at most 8
    ProgressCallback progress;
    CancelCallback cancel;
};

/// Called on any worker with the number of the block and, for each value of its item, the block's bytes.
using ScanVisit = std::function<void(std::size_t block, std::span<const std::span<const std::byte>> bytes)>;

/// Reads all blocks. Throws what reading throws, `cancelled`, or what `visit` throws.
void scan(std::span<const ScanItem> items, std::span<const ScanBlock> blocks, const ScanOptions& options,
          const ScanVisit& visit);

/// The number of workers for `wanted` (0 = one a processor) and that many jobs.
unsigned scan_threads(unsigned wanted, std::size_t jobs);

}  // namespace ballast
