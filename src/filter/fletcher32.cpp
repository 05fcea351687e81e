// SPDX-License-Identifier: Apache-2.0
// HDF5's Fletcher-32 filter: a checksum behind the chunk.
#include <algorithm>

#include "ballast/error.h"
#include "filter/filters.h"

namespace ballast::filter {

namespace {

constexpr std::uint32_t fold(std::uint32_t sum) noexcept {
    return (sum & 0xffff) + (sum >> 16);
}

/// Libraries up to 1.6.2 stored the two bytes of each half swapped on little-endian machines.
constexpr std::uint32_t swapped_halves(std::uint32_t sum) noexcept {
    return (sum & 0x00ff00ff) << 8 | (sum >> 8 & 0x00ff00ff);
}

}  // namespace

std::uint32_t fletcher32(std::span<const std::byte> bytes) noexcept {
    constexpr std::size_t words_between_folds = 360;  // sums of more would overflow 32 bits
    std::uint32_t low = 0, high = 0;
    std::size_t words = bytes.size() / 2;
    const std::byte* at = bytes.data();
    while (words != 0) {
        const std::size_t block = std::min(words, words_between_folds);
        for (std::size_t i = 0; i < block; ++i, at += 2) {
            low += std::to_integer<std::uint32_t>(at[0]) << 8 | std::to_integer<std::uint32_t>(at[1]);
            high += low;
        }
        words -= block;
        low = fold(low);
        high = fold(high);
    }
    if (bytes.size() % 2 == 1) {
        low = fold(low + (std::to_integer<std::uint32_t>(*at) << 8));
        high = fold(high + low);
    }
    return fold(high) << 16 | fold(low);
}

std::span<const std::byte> without_fletcher32(std::span<const std::byte> stored) {
    if (stored.size() < 4) throw Error(ErrorCode::damaged, "a chunk is too short for its checksum");
    const auto data = stored.first(stored.size() - 4);
    std::uint32_t kept = 0;
    for (std::size_t i = 0; i < 4; ++i)
        kept |= std::to_integer<std::uint32_t>(stored[data.size() + i]) << (8 * i);
    const std::uint32_t computed = fletcher32(data);
    if (kept != computed && kept != swapped_halves(computed)) {
        throw Error(ErrorCode::checksum_mismatch, "a chunk does not fit its Fletcher-32 checksum");
    }
    return data;
}

}  // namespace ballast::filter
