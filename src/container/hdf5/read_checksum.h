// SPDX-License-Identifier: Apache-2.0
// The checksum of HDF5 structures: Bob Jenkins' lookup3, little-endian, initial value 0. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ballast::hdf5 {

std::uint32_t lookup3(std::span<const std::byte> bytes) noexcept;

/// Checks that the last four bytes are the checksum of those before; throws checksum_mismatch naming the
/// structure.
void verify_checksum(std::span<const std::byte> bytes, std::uint64_t position, std::string_view structure);

}  // namespace ballast::hdf5
