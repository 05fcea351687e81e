// SPDX-License-Identifier: Apache-2.0
// Cursor: little-endian fields out of bytes already in memory, every step checked. A value; it does not own
// the bytes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "ballast/error.h"

namespace ballast::hdf5 {

inline std::uint64_t load_le(const std::byte* bytes, std::size_t width) noexcept {
    std::uint64_t value = 0;
    if (width == sizeof value && std::endian::native == std::endian::little) {
        std::memcpy(&value, bytes, sizeof value);
        return value;
    }
    for (std::size_t i = 0; i < width; ++i)
        value |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
    return value;
}

inline std::string_view text_of(std::span<const std::byte> bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class Cursor {
public:
    /// `position` is where the bytes lie in the file; `structure` names them in errors and must outlive the
    /// cursor.
    Cursor(std::span<const std::byte> bytes, std::uint64_t position, std::string_view structure) noexcept
        : bytes_(bytes), start_(position), structure_(structure) {}

    std::uint64_t position() const noexcept { return start_ + at_; }
    std::size_t consumed() const noexcept { return at_; }
    std::size_t remaining() const noexcept { return bytes_.size() - at_; }
    std::string_view structure() const noexcept { return structure_; }

    std::span<const std::byte> take(std::uint64_t count) {
        if (count > remaining()) fail("is shorter than it says");
        const auto taken = bytes_.subspan(at_, static_cast<std::size_t>(count));
        at_ += taken.size();
        return taken;
    }
    void skip(std::uint64_t count) { take(count); }
    std::uint8_t u8() { return std::to_integer<std::uint8_t>(take(1)[0]); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(load_le(take(2).data(), 2)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(load_le(take(4).data(), 4)); }
    std::uint64_t u64() { return load_le(take(8).data(), 8); }
    /// An unsigned number of 1 to 8 bytes.
    std::uint64_t number(std::size_t width) { return load_le(take(width).data(), width); }

    /// Bytes up to a NUL, which is consumed too.
    std::string_view text() {
        const auto rest = text_of(bytes_.subspan(at_));
        const auto length = rest.find('\0');
        if (length == std::string_view::npos) fail("holds a name without an end");
        at_ += length + 1;
        return rest.substr(0, length);
    }
    void expect(std::string_view signature) {
        const std::size_t before = at_;
        if (text_of(take(signature.size())) != signature) {
            at_ = before;
            fail("does not begin with " + std::string(signature));
        }
    }

    [[noreturn]] void fail(const std::string& what) const {
        throw Error(ErrorCode::damaged, "HDF5: " + std::string(structure_) + " " + what).at(position());
    }
    [[noreturn]] void unsupported(const std::string& what) const {
        throw Error(ErrorCode::unsupported, "HDF5: " + std::string(structure_) + " " + what).at(position());
    }

private:
    std::span<const std::byte> bytes_;
    std::uint64_t start_;
    std::size_t at_ = 0;
    std::string_view structure_;
};

}  // namespace ballast::hdf5
