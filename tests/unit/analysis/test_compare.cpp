// SPDX-License-Identifier: Apache-2.0
// Comparing elements by bits and by distance.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <vector>

#include "analysis/compare.h"

using namespace ballast;

namespace {

template <class T>
std::vector<std::byte> bytes(std::initializer_list<T> values) {
    const std::vector<T> kept(values);
    const auto view = std::as_bytes(std::span(kept));
    return {view.begin(), view.end()};
}

constexpr float nan32 = std::numeric_limits<float>::quiet_NaN();
constexpr float infinite = std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("bits: NaN equals itself, zeros of two signs differ") {
    const auto a = bytes<float>({1, nan32, 0.0F, 5, infinite});
    CHECK(compare_bits(a, a, DType::float32).different == 0);
    const Comparison found = compare_bits(a, bytes<float>({1, nan32, -0.0F, 7.5F, infinite}), DType::float32);
    CHECK(found.different == 2);
    CHECK(found.largest == 2.5);
    CHECK(compare_bits(bytes<float>({0.0F}), bytes<float>({-0.0F}), DType::float32).largest == 0.0);
}

TEST_CASE("bits: what has no distance is only counted") {
    const auto other_nan = std::bit_cast<float>(std::bit_cast<std::uint32_t>(nan32) ^ 1U);
    const Comparison found =
        compare_bits(bytes<float>({nan32, 1}), bytes<float>({other_nan, nan32}), DType::float32);
    CHECK(found.different == 2);
    CHECK_FALSE(found.largest.has_value());
    const Comparison opaque =
        compare_bits(bytes<std::uint8_t>({1, 2}), bytes<std::uint8_t>({1, 9}), DType::opaque8);
    CHECK(opaque.different == 1);
    CHECK_FALSE(opaque.largest.has_value());
    CHECK(compare_bits(bytes<float>({infinite}), bytes<float>({1}), DType::float32).largest == HUGE_VAL);
}

TEST_CASE("bits: every type") {
    CHECK(compare_bits(bytes<std::uint16_t>({0x3C00}), bytes<std::uint16_t>({0x4000}), DType::float16)
              .largest == 1.0);
    CHECK(compare_bits(bytes<std::uint16_t>({0x3F80}), bytes<std::uint16_t>({0x4000}), DType::bfloat16)
              .largest == 1.0);
    CHECK(compare_bits(bytes<std::uint8_t>({0x38}), bytes<std::uint8_t>({0xB8}), DType::float8_e4m3fn)
              .largest == 2.0);
    CHECK(compare_bits(bytes<std::int8_t>({-128}), bytes<std::int8_t>({127}), DType::int8).largest == 255.0);
    CHECK(compare_bits(bytes<std::uint8_t>({0}), bytes<std::uint8_t>({1}), DType::boolean).largest == 1.0);
    using Complex = std::complex<float>;
    const Comparison complex =
        compare_bits(bytes<Complex>({{1, 1}, {0, 0}}), bytes<Complex>({{1, 1}, {3, 4}}), DType::complex64);
    CHECK(complex.different == 1);
    CHECK(complex.largest == 5.0);
    // int4: two elements a byte.
    CHECK(compare_bits(bytes<std::uint8_t>({0x12, 0x34}), bytes<std::uint8_t>({0x13, 0x56}), DType::int4)
              .different == 3);
}

TEST_CASE("bits: neighbouring 64-bit integers are at a distance of one") {
    constexpr auto least = std::numeric_limits<std::int64_t>::min();
    CHECK(compare_bits(bytes<std::int64_t>({(1LL << 60) + 1}), bytes<std::int64_t>({1LL << 60}), DType::int64)
              .largest == 1.0);
    CHECK(compare_bits(bytes<std::int64_t>({least}), bytes<std::int64_t>({-1}), DType::int64).largest ==
          0x1p63);
    CHECK(compare_bits(bytes<std::uint64_t>({0}), bytes<std::uint64_t>({~0ULL}), DType::uint64).largest ==
          0x1p64);
}

TEST_CASE("runs longer than one piece") {
    std::vector<std::byte> a(10000 * 4), b;
    b = a;
    const float value = 3;
    std::memcpy(b.data() + 9999 * 4, &value, 4);
    std::memcpy(b.data() + 5000 * 4, &value, 4);
    const Comparison found = compare_bits(a, b, DType::float32);
    CHECK(found.different == 2);
    CHECK(found.largest == 3.0);
}

TEST_CASE("distance: within the tolerance, across types, NaN and infinities") {
    const auto a = bytes<float>({1, 2, nan32, infinite, -infinite});
    const auto b = bytes<double>({1.05, 2.5, std::numeric_limits<double>::quiet_NaN(), HUGE_VAL, HUGE_VAL});
    const Comparison found = compare_distance(a, DType::float32, b, DType::float64, 0.1);
    CHECK(found.different == 2);
    CHECK(found.largest == HUGE_VAL);
    CHECK(compare_distance(a, DType::float32, b, DType::float64, 0.5).different == 1);
    const Comparison nan =
        compare_distance(bytes<float>({nan32}), DType::float32, bytes<float>({1}), DType::float32, 9);
    CHECK(nan.different == 1);
    CHECK_FALSE(nan.largest.has_value());
}

TEST_CASE("distance: integers stay exact below one") {
    const auto a = bytes<std::int64_t>({(1LL << 60) + 1}), b = bytes<std::int64_t>({1LL << 60});
    CHECK(compare_distance(a, DType::int64, b, DType::int64, 0).different == 1);
    CHECK(compare_distance(a, DType::int64, b, DType::int64, 1).different == 0);
}
