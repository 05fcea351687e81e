// SPDX-License-Identifier: Apache-2.0
// CRC-32 (zip) and CRC-32C (TensorFlow): of bytes, of zeros, and of two parts joined. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ballast::io {

enum class Crc : std::uint8_t { crc32, crc32c };

/// `seed` is the checksum of what came before (0 = nothing), so that checksums can be continued.
std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t seed = 0) noexcept;
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t seed = 0) noexcept;
std::uint32_t checksum(Crc kind, std::span<const std::byte> bytes, std::uint32_t seed = 0) noexcept;

/// The checksum of A followed by B from those of A and of B and B's length.
std::uint32_t combine(Crc kind, std::uint32_t a, std::uint32_t b, std::uint64_t length_b) noexcept;
/// The checksum of `length` zero bytes, without going through them.
std::uint32_t checksum_of_zeros(Crc kind, std::uint64_t length) noexcept;

}  // namespace ballast::io
