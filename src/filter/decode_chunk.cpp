// SPDX-License-Identifier: Apache-2.0
// Undoing a chunk's filter pipeline, and swapping bytes.
#include <algorithm>
#include <cstring>

#include "ballast/error.h"
#include "core/checked.h"
#include "filter/decode.h"
#include "filter/filters.h"

namespace ballast {

namespace {

/// A compression: how to undo it, and how far it can expand.
struct Compression {
    std::uint16_t id;
    std::size_t (*expand)(std::span<const std::byte>, std::span<std::byte>);
    std::uint64_t (*largest)(std::uint64_t) noexcept;
    bool built_in;
};
constexpr Compression compressions[] = {
    {Filter::deflate, filter::inflate, filter::largest_inflated, true},
    {Filter::lzf, filter::expand_lzf, filter::largest_from_lzf, true},
    {Filter::zstd, filter::expand_zstd, filter::largest_from_zstd, BALLAST_HAS_ZSTD != 0},
};

const Compression* compression(std::uint16_t id) noexcept {
    const auto found = std::find_if(std::begin(compressions), std::end(compressions),
                                    [id](const Compression& row) { return row.id == id; });
    return found == std::end(compressions) ? nullptr : found;
}

constexpr std::size_t checksum_bytes = 4;

std::uint32_t shuffle_size(const Filter& filter) noexcept {
    return filter.values.empty() ? 1 : filter.values[0];
}

bool is_shuffle(const Filter& filter) noexcept {
    return filter.id == Filter::shuffle && shuffle_size(filter) > 1;
}

/// Bytes that pass between two compressions: of unknown number, but no compression makes its input much
/// larger.
std::uint64_t largest_between(std::uint64_t chunk_bytes) noexcept {
    return chunk_bytes + chunk_bytes / 64 + 4096;
}

[[noreturn]] void wrong_size(std::uint64_t size, std::uint64_t expected) {
    throw Error(ErrorCode::damaged, "a chunk decodes to " + std::to_string(size) + " instead of " +
                                        std::to_string(expected) + " bytes");
}

template <std::size_t Size>
void swap_each(std::span<std::byte> bytes) noexcept {
    for (std::size_t at = 0; at + Size <= bytes.size(); at += Size) {
        std::reverse(bytes.data() + at, bytes.data() + at + Size);
    }
}

}  // namespace

bool is_decodable(const Filter& filter) noexcept {
    if (filter.id == Filter::shuffle || filter.id == Filter::fletcher32) return true;
    const Compression* found = compression(filter.id);
    return found && found->built_in;
}

std::span<std::byte> ChunkDecoder::Scratch::get(std::size_t size) {
    if (size > capacity) {
        bytes = std::make_unique_for_overwrite<std::byte[]>(size);
        capacity = size;
    }
    return {bytes.get(), size};
}

bool ChunkDecoder::skipped(std::size_t filter, std::uint32_t mask) const noexcept {
    return filter < 32 && (mask >> filter & 1) != 0;
}

void ChunkDecoder::check_size(std::uint64_t stored_size, std::uint32_t filter_mask) const {
    std::uint64_t largest = stored_size;
    for (std::size_t i = filters_.size(); i-- > 0;) {
        if (skipped(i, filter_mask)) continue;
        if (!is_decodable(filters_[i])) return;  // decode() says so
        if (const Compression* found = compression(filters_[i].id)) largest = found->largest(largest);
    }
    if (largest >= chunk_bytes_) return;
    throw Error(ErrorCode::damaged, "a chunk of " + std::to_string(stored_size) +
                                        " stored bytes cannot hold " + std::to_string(chunk_bytes_) +
                                        " bytes");
}

/// Where a filter's result of so many bytes goes: the last one that moves bytes writes into `out`.
std::span<std::byte> ChunkDecoder::target(std::size_t filter, std::uint32_t mask, std::size_t size,
                                          std::span<std::byte> out) {
    bool is_last = size == out.size();
    for (std::size_t i = 0; i < filter; ++i) {
        const bool moves = compression(filters_[i].id) || is_shuffle(filters_[i]);
        is_last = is_last && (skipped(i, mask) || !moves);
    }
    return is_last ? out : scratch_[turn_++ % 2].get(size);
}

std::span<const std::byte> ChunkDecoder::expand(std::size_t filter, std::uint32_t mask,
                                                std::span<const std::byte> stored, std::span<std::byte> out) {
    const Compression* found = compression(filters_[filter].id);
    if (!found) {
        throw Error(ErrorCode::unsupported,
                    "filter " + std::to_string(filters_[filter].id) + " of a chunk is not supported");
    }
    // Checksums made before this filter are still to come off; other compressions leave the size open.
    std::uint64_t expected = chunk_bytes_;
    bool is_known = true;
    for (std::size_t i = 0; i < filter; ++i) {
        if (skipped(i, mask)) continue;
        if (filters_[i].id == Filter::fletcher32) expected += checksum_bytes;
        is_known = is_known && !compression(filters_[i].id);
    }
    const std::uint64_t largest = found->largest(stored.size());
    if (is_known && largest < expected) wrong_size(largest, expected);
    const std::uint64_t room = is_known ? expected : std::min(largest, largest_between(expected));
    const auto result = target(filter, mask, static_cast<std::size_t>(room), out);
    const std::size_t produced = found->expand(stored, result);
    if (is_known && produced != expected) wrong_size(produced, expected);
    return result.first(produced);
}

void ChunkDecoder::decode(std::span<const std::byte> stored, std::uint32_t filter_mask,
                          std::span<std::byte> out) {
    std::span<const std::byte> current = stored;
    for (std::size_t i = filters_.size(); i-- > 0;) {
        if (skipped(i, filter_mask)) continue;
        if (filters_[i].id == Filter::fletcher32) {
            current = filter::without_fletcher32(current);
        } else if (is_shuffle(filters_[i])) {
            const auto result = target(i, filter_mask, current.size(), out);
            filter::unshuffle(current, shuffle_size(filters_[i]), result);
            current = result;
        } else if (filters_[i].id != Filter::shuffle) {
            current = expand(i, filter_mask, current, out);
        }
    }
    if (current.size() != out.size()) wrong_size(current.size(), out.size());
    if (current.data() != out.data() && !out.empty()) std::memcpy(out.data(), current.data(), out.size());
}

std::vector<std::byte> decode_chunk(std::span<const std::byte> stored, std::span<const Filter> filters,
                                    std::uint32_t filter_mask, std::uint64_t expected) {
    ChunkDecoder decoder(filters, expected);
    decoder.check_size(stored.size(), filter_mask);
    std::vector<std::byte> out(static_cast<std::size_t>(expected));
    decoder.decode(stored, filter_mask, out);
    return out;
}

void swap_bytes(std::span<std::byte> bytes, DType dtype) noexcept {
    const DTypeInfo& row = info(dtype);
    const std::size_t width = row.bits / (row.cls == DTypeClass::complex ? 16u : 8u);
    switch (width) {
        case 2:
            return swap_each<2>(bytes);
        case 4:
            return swap_each<4>(bytes);
        case 8:
            return swap_each<8>(bytes);
        default:
            return;
    }
}

}  // namespace ballast
