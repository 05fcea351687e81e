// SPDX-License-Identifier: Apache-2.0
// Encodes HDF5 datatypes and dataspaces as h5py writes them, and the little-endian encoder all writer files
// use. Pure functions and plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "ballast/dtype.h"
#include "ballast/tensor.h"
#include "container/hdf5/format.h"

namespace ballast::hdf5::writer {

constexpr std::uint64_t pad8(std::uint64_t size) noexcept {
    return (size + 7) & ~std::uint64_t{7};
}

/// Appends little-endian values to a buffer of its own.
class Encoder {
public:
    Encoder& u8(std::uint8_t value) { return little(value, 1); }
    Encoder& u16(std::uint16_t value) { return little(value, 2); }
    Encoder& u32(std::uint32_t value) { return little(value, 4); }
    Encoder& u64(std::uint64_t value) { return little(value, 8); }
    Encoder& zeros(std::size_t count) {
        bytes_.resize(bytes_.size() + count);
        return *this;
    }
    Encoder& text(std::string_view value) { return raw(std::as_bytes(std::span(value))); }
    Encoder& raw(std::span<const std::byte> value) {
        bytes_.insert(bytes_.end(), value.begin(), value.end());
        return *this;
    }
    /// Zeros up to a multiple of 8 from the buffer's beginning.
    Encoder& pad() { return zeros(pad8(bytes_.size()) - bytes_.size()); }
    Encoder& clear() noexcept {
        bytes_.clear();
        return *this;
    }

    std::size_t size() const noexcept { return bytes_.size(); }
    std::span<const std::byte> bytes() const noexcept { return bytes_; }

private:
    Encoder& little(std::uint64_t value, int width) {
        for (int i = 0; i < width; ++i)
            bytes_.push_back(static_cast<std::byte>(value >> (8 * i)));
        return *this;
    }
    std::vector<std::byte> bytes_;
};

/// The datatype h5py stores that element type as. Throws unsupported_dtype where HDF5 files of Keras have
/// none.
void encode_datatype(Encoder& out, DType dtype);
/// A fixed-length string, padded with NULs, ASCII.
void encode_fixed_string_type(Encoder& out, std::uint32_t length);
void encode_variable_string_type(Encoder& out, format::Charset set);
void encode_dataspace(Encoder& out, const Shape& shape);

}  // namespace ballast::hdf5::writer
