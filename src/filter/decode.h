// SPDX-License-Identifier: Apache-2.0
// Reading stored tensors: contiguous, chunked and inline storage to native (little-endian, row-major) bytes.
//
// The only code that decodes. Pure functions over immutable descriptions; any thread may call them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ballast/index.h"

namespace ballast {

/// Decodes the bytes [begin, begin + out.size()) of the tensor. Chunked tensors decode every chunk the range
/// touches: ask for large ranges. Errors carry the tensor's stored name, path and offset: truncated, damaged,
/// checksum_mismatch, unsupported.
void read_range(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> out);

/// Undoes a chunk's filters. `expected` is the full decoded size of the chunk. Throws damaged /
/// checksum_mismatch / unsupported without path (the caller adds it).
std::vector<std::byte> decode_chunk(std::span<const std::byte> stored, std::span<const Filter> filters,
                                    std::uint32_t filter_mask, std::uint64_t expected);

/// Swaps the bytes of each element in place (per component for complex types).
void swap_bytes(std::span<std::byte> bytes, DType dtype) noexcept;

}  // namespace ballast
