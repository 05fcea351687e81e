// SPDX-License-Identifier: Apache-2.0
// HDF5's byte shuffle, undone.
#include <cstring>

#include "filter/filters.h"

namespace ballast::filter {

namespace {

template <std::size_t Size>
void gather(const std::byte* planes, std::size_t count, std::byte* out) noexcept {
    for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t byte = 0; byte < Size; ++byte)
            out[i * Size + byte] = planes[byte * count + i];
    }
}

}  // namespace

void unshuffle(std::span<const std::byte> stored, std::uint32_t element_size,
               std::span<std::byte> out) noexcept {
    if (stored.empty()) return;
    const std::size_t size = element_size < 2 ? 1 : element_size;
    const std::size_t count = stored.size() / size;
    switch (size) {
        case 1:
            break;
        case 2:
            gather<2>(stored.data(), count, out.data());
            break;
        case 4:
            gather<4>(stored.data(), count, out.data());
            break;
        case 8:
            gather<8>(stored.data(), count, out.data());
            break;
        default:
            for (std::size_t i = 0; i < count; ++i) {
                for (std::size_t byte = 0; byte < size; ++byte)
                    out[i * size + byte] = stored[byte * count + i];
            }
    }
    const std::size_t whole = size == 1 ? 0 : count * size;
    std::memcpy(out.data() + whole, stored.data() + whole, stored.size() - whole);
}

}  // namespace ballast::filter
