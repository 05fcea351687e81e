// SPDX-License-Identifier: Apache-2.0
// CRCs by libdeflate and isal; joining them is arithmetic of polynomials over GF(2) modulo the CRC's
// polynomial.
#include "io/checksum.h"

#include <isa-l/crc.h>
#include <libdeflate.h>

#include <algorithm>

namespace ballast::io {
namespace {

// Bit 31 is the coefficient of x^0 (the CRCs are reflected), so 1 is this and x is half of it.
constexpr std::uint32_t one = 0x80000000U;

constexpr std::uint32_t polynomial(Crc kind) {
    return kind == Crc::crc32 ? 0xEDB88320U : 0x82F63B78U;
}

/// a * b modulo the polynomial.
constexpr std::uint32_t multiply(std::uint32_t a, std::uint32_t b, std::uint32_t modulus) {
    std::uint32_t product = 0;
    for (std::uint32_t bit = one; bit != 0; bit >>= 1) {
        if (a & bit) product ^= b;
        b = (b >> 1) ^ ((b & 1U) ? modulus : 0U);  // b * x
    }
    return product;
}

/// x to the power of 8 * bytes: what appending that many bytes multiplies a CRC by.
constexpr std::uint32_t shift_by(std::uint64_t bytes, std::uint32_t modulus) {
    std::uint32_t result = one;
    std::uint32_t square = one >> 8;  // x^8
    for (; bytes != 0; bytes >>= 1) {
        if (bytes & 1U) result = multiply(result, square, modulus);
        square = multiply(square, square, modulus);
    }
    return result;
}

}  // namespace

std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t seed) noexcept {
    // A null pointer would make libdeflate start anew.
    return bytes.empty() ? seed : libdeflate_crc32(seed, bytes.data(), bytes.size());
}

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t seed) noexcept {
    constexpr std::size_t most = std::size_t{1} << 30;  // isal counts in int
    std::uint32_t state = ~seed;
    while (!bytes.empty()) {
        const auto part = bytes.first(std::min(bytes.size(), most));
        // isal does not write through the pointer, its prototype merely lacks the const.
        auto* const data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(part.data()));
        state = crc32_iscsi(data, static_cast<int>(part.size()), state);
        bytes = bytes.subspan(part.size());
    }
    return ~state;
}

std::uint32_t checksum(Crc kind, std::span<const std::byte> bytes, std::uint32_t seed) noexcept {
    return kind == Crc::crc32 ? crc32(bytes, seed) : crc32c(bytes, seed);
}

std::uint32_t combine(Crc kind, std::uint32_t a, std::uint32_t b, std::uint64_t length_b) noexcept {
    const std::uint32_t modulus = polynomial(kind);
    return multiply(shift_by(length_b, modulus), a, modulus) ^ b;
}

std::uint32_t checksum_of_zeros(Crc kind, std::uint64_t length) noexcept {
    const std::uint32_t modulus = polynomial(kind);
    return ~multiply(shift_by(length, modulus), 0xFFFFFFFFU, modulus);
}

}  // namespace ballast::io
