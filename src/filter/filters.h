// SPDX-License-Identifier: Apache-2.0
// The single filters of chunk pipelines, in the decoding direction. Pure functions; errors carry no path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ballast::filter {

/// Inflates a zlib stream (RFC 1950) that must give exactly `size` bytes. Throws damaged; refuses, before taking memory,
/// sizes that no deflate stream of this length can reach.
std::vector<std::byte> inflate(std::span<const std::byte> stored, std::uint64_t size);

/// Undoes HDF5's byte shuffle: `stored` holds the first bytes of all elements, then the second ones, …; bytes behind the
/// last whole element are copied. Both spans have one size.
void unshuffle(std::span<const std::byte> stored, std::uint32_t element_size, std::span<std::byte> out) noexcept;

/// HDF5's Fletcher checksum: 16-bit big-endian words.
std::uint32_t fletcher32(std::span<const std::byte> bytes) noexcept;

/// The bytes before the trailing checksum. Throws damaged when there is none, checksum_mismatch when it does not fit.
std::span<const std::byte> without_fletcher32(std::span<const std::byte> stored);

}  // namespace ballast::filter
