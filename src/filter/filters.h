// SPDX-License-Identifier: Apache-2.0
// The single filters of chunk pipelines, in the decoding direction. Pure functions; errors carry no path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ballast::filter {

// Each of these undoes one compression into `out` and returns how many bytes it gave. They throw damaged when
// the stream is broken, ends early, or gives more than `out` holds.

/// A zlib stream (RFC 1950).
std::size_t inflate(std::span<const std::byte> stored, std::span<std::byte> out);
/// LZF as h5py stores it: no header, no mark at the end.
std::size_t expand_lzf(std::span<const std::byte> stored, std::span<std::byte> out);
/// Zstandard frames. Throws unsupported in a build without zstd.
std::size_t expand_zstd(std::span<const std::byte> stored, std::span<std::byte> out);

/// The most bytes that `stored` bytes can expand to, so that memory is taken only for what may come.
std::uint64_t largest_inflated(std::uint64_t stored) noexcept;
std::uint64_t largest_from_lzf(std::uint64_t stored) noexcept;
std::uint64_t largest_from_zstd(std::uint64_t stored) noexcept;

/// Undoes HDF5's byte shuffle: `stored` holds the first bytes of all elements, then the second ones, …; bytes
/// behind the last whole element are copied. Both spans have one size.
void unshuffle(std::span<const std::byte> stored, std::uint32_t element_size,
               std::span<std::byte> out) noexcept;

/// HDF5's Fletcher checksum: 16-bit big-endian words.
std::uint32_t fletcher32(std::span<const std::byte> bytes) noexcept;

/// The bytes before the trailing checksum. Throws damaged when there is none, checksum_mismatch when it does
/// not fit.
std::span<const std::byte> without_fletcher32(std::span<const std::byte> stored);

}  // namespace ballast::filter
