// SPDX-License-Identifier: Apache-2.0
// Undoing a chunk's filter pipeline, and swapping bytes.
#include <algorithm>

#include "ballast/error.h"
#include "filter/decode.h"
#include "filter/filters.h"

namespace ballast {

namespace {

bool skipped(std::uint32_t mask, std::size_t filter) { return filter < 32 && (mask >> filter & 1) != 0; }

template <std::size_t Size>
void swap_each(std::span<std::byte> bytes) noexcept {
    for (std::size_t at = 0; at + Size <= bytes.size(); at += Size) {
        std::reverse(bytes.data() + at, bytes.data() + at + Size);
    }
}

}  // namespace

std::vector<std::byte> decode_chunk(std::span<const std::byte> stored, std::span<const Filter> filters,
                                    std::uint32_t filter_mask, std::uint64_t expected) {
    // A checksum adds four bytes for the filters applied after it, which are undone before it.
    std::uint64_t checksums = 0;
    for (std::size_t i = 0; i < filters.size(); ++i) {
        if (filters[i].id == Filter::fletcher32 && !skipped(filter_mask, i)) checksums += 4;
    }
    std::vector<std::byte> owned;
    std::span<const std::byte> current = stored;
    bool is_owned = false;
    const auto keep = [&](std::vector<std::byte> result) {
        owned = std::move(result);
        current = owned;
        is_owned = true;
    };
    for (std::size_t i = filters.size(); i-- > 0;) {
        if (skipped(filter_mask, i)) continue;
        switch (filters[i].id) {
            case Filter::deflate: keep(filter::inflate(current, expected + checksums)); break;
            case Filter::shuffle: {
                const std::uint32_t size = filters[i].values.empty() ? 1 : filters[i].values[0];
                if (size < 2) break;
                std::vector<std::byte> result(current.size());
                filter::unshuffle(current, size, result);
                keep(std::move(result));
                break;
            }
            case Filter::fletcher32:
                current = filter::without_fletcher32(current);
                checksums -= 4;
                break;
            default:
                throw Error(ErrorCode::unsupported,
                            "filter " + std::to_string(filters[i].id) + " of a chunk is not supported");
        }
    }
    if (current.size() != expected) {
        throw Error(ErrorCode::damaged, "a chunk decodes to " + std::to_string(current.size()) + " instead of " +
                                            std::to_string(expected) + " bytes");
    }
    if (!is_owned) return {current.begin(), current.end()};
    owned.resize(current.size());  // a view of its beginning, when a checksum was cut off
    return owned;
}

void swap_bytes(std::span<std::byte> bytes, DType dtype) noexcept {
    const DTypeInfo& row = info(dtype);
    const std::size_t width = row.bits / (row.cls == DTypeClass::complex ? 16u : 8u);
    switch (width) {
        case 2: return swap_each<2>(bytes);
        case 4: return swap_each<4>(bytes);
        case 8: return swap_each<8>(bytes);
        default: return;
    }
}

}  // namespace ballast
