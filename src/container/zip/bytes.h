// SPDX-License-Identifier: Apache-2.0
// Little-endian numbers in and out of bytes. Pure functions; the caller has checked the bounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ballast::zip {

template <class T>
T load(std::span<const std::byte> bytes, std::size_t at) noexcept {
    T value = 0;
    for (std::size_t i = sizeof(T); i-- > 0;)
        value = static_cast<T>(static_cast<std::uint64_t>(value) << 8U |
                               std::to_integer<std::uint64_t>(bytes[at + i]));
    return value;
}

template <class T>
void append(std::vector<std::byte>& bytes, T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i)
        bytes.push_back(static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i)));
}

}  // namespace ballast::zip
