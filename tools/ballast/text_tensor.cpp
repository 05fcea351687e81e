// SPDX-License-Identifier: Apache-2.0
// A tensor's elements as text, see text_tensor.h.
#include "text_tensor.h"

#include <array>
#include <cstring>
#include <iterator>
#include <type_traits>

#include "ballast/error.h"
#include "model/cast.h"

namespace ballast::tool {
namespace {

template <class T>
T load(std::span<const std::byte> bytes, std::size_t i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    return value;
}

template <class T>
void print(std::span<const std::byte> bytes, std::size_t i, fmt::memory_buffer& out) {
    fmt::format_to(std::back_inserter(out), "{}", load<T>(bytes, i));
}

/// As Python writes a complex number in loadtxt's reach: (1+2j).
template <class T>
void print_complex(std::span<const std::byte> bytes, std::size_t i, fmt::memory_buffer& out) {
    fmt::format_to(std::back_inserter(out), "({}{:+}j)", load<T>(bytes, 2 * i), load<T>(bytes, 2 * i + 1));
}

/// float16 and narrower: exactly a float32, which says them shortly enough.
void print_narrow(std::span<const std::byte> bytes, DType dtype, std::size_t i, fmt::memory_buffer& out) {
    const std::size_t size = info(dtype).bits / 8U;
    std::array<float, 1> value{};
    cast_elements(bytes.subspan(i * size, size), dtype, std::as_writable_bytes(std::span(value)),
                  DType::float32);
    fmt::format_to(std::back_inserter(out), "{}", value[0]);
}

int nibble(std::span<const std::byte> bytes, std::size_t i, bool with_sign) {
    const int value =
        static_cast<int>(std::to_integer<unsigned>(bytes[i / 2]) >> (i % 2 == 0 ? 0U : 4U) & 15U);
    return with_sign && value >= 8 ? value - 16 : value;
}

void print_element(DType dtype, std::span<const std::byte> bytes, std::size_t i, fmt::memory_buffer& out) {
    switch (dtype) {
        case DType::boolean:
        case DType::uint8:
            return print<std::uint8_t>(bytes, i, out);
        case DType::int4:
        case DType::uint4:
            fmt::format_to(std::back_inserter(out), "{}", nibble(bytes, i, dtype == DType::int4));
            return;
        case DType::int8:
            return print<std::int8_t>(bytes, i, out);
        case DType::int16:
            return print<std::int16_t>(bytes, i, out);
        case DType::uint16:
            return print<std::uint16_t>(bytes, i, out);
        case DType::int32:
            return print<std::int32_t>(bytes, i, out);
        case DType::uint32:
            return print<std::uint32_t>(bytes, i, out);
        case DType::int64:
            return print<std::int64_t>(bytes, i, out);
        case DType::uint64:
            return print<std::uint64_t>(bytes, i, out);
        case DType::float8_e4m3fn:
        case DType::float8_e5m2:
        case DType::float16:
        case DType::bfloat16:
            return print_narrow(bytes, dtype, i, out);
        case DType::float32:
            return print<float>(bytes, i, out);
        case DType::float64:
            return print<double>(bytes, i, out);
        case DType::complex64:
            return print_complex<float>(bytes, i, out);
        case DType::complex128:
            return print_complex<double>(bytes, i, out);
        case DType::opaque8:
            fmt::format_to(std::back_inserter(out), "0x{:02x}", std::to_integer<unsigned>(bytes[i]));
            return;
        case DType::string:
            return;
    }
}

}  // namespace

TextTensor::TextTensor(DType dtype, const Shape& shape) : dtype_(dtype), total_(shape.element_count()) {
    if (dtype == DType::string)
        throw Error(ErrorCode::unsupported_dtype, "a tensor of texts cannot be printed");
    const std::size_t rank = shape.rank();
    if (rank > 0) row_ = shape[rank - 1];
    if (rank > 2) matrix_ = row_ * shape[rank - 2];
}

void TextTensor::separate(fmt::memory_buffer& out) const {
    const bool row_ends = at_ % row_ == 0;
    out.push_back(row_ends ? '\n' : ' ');
    if (matrix_ != 0 && at_ % matrix_ == 0 && at_ != total_) out.push_back('\n');
}

void TextTensor::append(std::span<const std::byte> bytes, fmt::memory_buffer& out) {
    const std::size_t count = bytes.size() * 8 / info(dtype_).bits;
    for (std::size_t i = 0; i < count && at_ < total_; ++i) {
        print_element(dtype_, bytes, i, out);
        ++at_;
        separate(out);
    }
}

}  // namespace ballast::tool
