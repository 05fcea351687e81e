// SPDX-License-Identifier: Apache-2.0
// Reading stored tensors: contiguous, chunked and inline storage to native (little-endian, row-major) bytes.
//
// The only code that decodes. Functions over immutable descriptions; any thread may call them. A ChunkDecoder
// belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ballast/index.h"

namespace ballast {

/// Decodes the bytes [begin, begin + out.size()) of the tensor. Chunked tensors decode every chunk the range
/// touches: ask for large ranges. Errors carry the tensor's stored name, path and offset: truncated, damaged,
/// checksum_mismatch, unsupported.
void read_range(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> out);

/// Decodes the whole tensor; large chunked ones on several threads (0 = one a processor, at most 8). Errors
/// as read_range.
void read_tensor(const TensorInfo& tensor, std::span<std::byte> out, unsigned threads = 0);

/// Whether this build can undo the filter.
bool is_decodable(const Filter& filter) noexcept;

/// Undoes the filters of a tensor's chunks, one chunk after another in the same memory.
class ChunkDecoder {
public:
    /// `filters` must outlive the decoder; `chunk_bytes` is the decoded size of each chunk.
    ChunkDecoder(std::span<const Filter> filters, std::uint64_t chunk_bytes)
        : filters_(filters), chunk_bytes_(chunk_bytes) {}

    /// Throws damaged when no chunk of so many stored bytes can have the decoded size: call it before taking
    /// memory.
    void check_size(std::uint64_t stored_size, std::uint32_t filter_mask) const;
    /// Fills `out`, of the decoded size. Throws damaged, checksum_mismatch, unsupported without a path, which
    /// the caller adds.
    void decode(std::span<const std::byte> stored, std::uint32_t filter_mask, std::span<std::byte> out);

private:
    /// Memory that grows and is not cleared.
    struct Scratch {
        std::unique_ptr<std::byte[]> bytes;
        std::size_t capacity = 0;
        std::span<std::byte> get(std::size_t size);
    };
    bool skipped(std::size_t filter, std::uint32_t mask) const noexcept;
    std::span<std::byte> target(std::size_t filter, std::uint32_t mask, std::size_t size,
                                std::span<std::byte> out);
    std::span<const std::byte> expand(std::size_t filter, std::uint32_t mask,
                                      std::span<const std::byte> stored, std::span<std::byte> out);

    std::span<const Filter> filters_;
    std::uint64_t chunk_bytes_;
    Scratch scratch_[2];
    std::size_t turn_ = 0;  ///< which scratch memory is written next
};

/// One chunk, with memory of its own.
std::vector<std::byte> decode_chunk(std::span<const std::byte> stored, std::span<const Filter> filters,
                                    std::uint32_t filter_mask, std::uint64_t expected);

/// Swaps the bytes of each element in place (per component for complex types).
void swap_bytes(std::span<std::byte> bytes, DType dtype) noexcept;

}  // namespace ballast
