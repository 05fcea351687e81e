// SPDX-License-Identifier: Apache-2.0
// Element conversions against slow ones that follow the definition: every narrow pattern, the neighbourhood
// of every midpoint between two of them, and random bits. The interop tests compare with numpy and ml_dtypes.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "ballast/error.h"
#include "model/cast.h"
#include "model/evaluate.h"
#include "model/narrow.h"
#include "support/expect_error.h"
#include "support/sample.h"

using namespace ballast;

namespace {

struct Narrow {
    int fraction, exponent;
    int bias() const { return (1 << (exponent - 1)) - 1; }
    unsigned infinity() const { return ((1U << exponent) - 1) << fraction; }
};
constexpr Narrow half_format{10, 5}, bfloat_format{7, 8};

/// The value of a finite magnitude, as the format's definition has it.
double value_of(unsigned magnitude, Narrow format) {
    const int exponent = static_cast<int>(magnitude >> format.fraction);
    const double fraction = magnitude & ((1U << format.fraction) - 1);
    const double significand = std::ldexp(fraction, -format.fraction) + (exponent == 0 ? 0 : 1);
    return std::ldexp(significand, std::max(exponent, 1) - format.bias());
}

/// Nearest, ties to even, by comparing distances. Takes what lies between two neighbours; searches for them.
unsigned nearest(double value, Narrow format) {
    const unsigned sign = std::signbit(value) ? 0x8000U : 0U;
    const double magnitude = std::fabs(value);
    unsigned low = 0, high = format.infinity();
    while (high - low > 1) {
        const unsigned middle = (low + high) / 2;
        (value_of(middle, format) <= magnitude ? low : high) = middle;
    }
    // value_of(infinity) is the next power of two, which is what the largest numbers are rounded to.
    const double below = magnitude - value_of(low, format), above = value_of(high, format) - magnitude;
    if (above < 0) return sign | high;
    const bool up = above < below || (above == below && low % 2 == 1);
    return sign | (up ? high : low);
}

bool narrows_right(double value) {
    const auto single = static_cast<float>(value);
    if (std::isfinite(single) &&
        (float_to_half(single) != nearest(static_cast<double>(single), half_format) ||
         float_to_bfloat(single) != nearest(static_cast<double>(single), bfloat_format)))
        return false;
    return double_to_half(value) == nearest(value, half_format) &&
           double_to_bfloat(value) == nearest(value, bfloat_format);
}

/// Hundreds of thousands of values: a doctest assertion only for those that fail.
void check_narrow(double value) {
    if (narrows_right(value)) return;
    CAPTURE(value);
    FAIL("rounded wrongly");
}

template <class T>
std::vector<T> cast_to(const std::vector<std::byte>& in, DType from, DType to) {
    std::vector<T> out(in.size() * 8 / info(from).bits);
    cast_elements(in, from, std::as_writable_bytes(std::span(out)), to);
    return out;
}

template <class T>
std::vector<std::byte> bytes(const std::vector<T>& values) {
    const auto view = std::as_bytes(std::span(values));
    return {view.begin(), view.end()};
}

}  // namespace

TEST_CASE("every narrow number widens exactly and comes back") {
    for (unsigned bits = 0; bits < 0x10000; ++bits) {
        const auto pattern = static_cast<std::uint16_t>(bits);
        const unsigned magnitude = bits & 0x7FFF;
        const float half = half_to_float(pattern), bfloat = bfloat_to_float(pattern);
        CHECK(std::signbit(half) == (bits >= 0x8000));
        if (magnitude < half_format.infinity()) {
            REQUIRE(std::fabs(static_cast<double>(half)) == value_of(magnitude, half_format));
            REQUIRE(float_to_half(half) == pattern);
        } else {
            REQUIRE(std::isnan(half) == (magnitude > half_format.infinity()));
            REQUIRE(std::isnan(half_to_float(float_to_half(half))) == std::isnan(half));
            REQUIRE((std::isnan(half) || float_to_half(half) == pattern));
        }
        if (magnitude < bfloat_format.infinity()) {
            REQUIRE(std::fabs(static_cast<double>(bfloat)) == value_of(magnitude, bfloat_format));
            REQUIRE(float_to_bfloat(bfloat) == pattern);
        } else {
            REQUIRE(std::isnan(bfloat) == (magnitude > bfloat_format.infinity()));
            REQUIRE((std::isnan(bfloat) || float_to_bfloat(bfloat) == pattern));
        }
    }
}

TEST_CASE("midpoints go to even and their neighbours to the nearer side") {
    for (const Narrow format : {half_format, bfloat_format}) {
        const double infinity = std::numeric_limits<double>::infinity();
        for (unsigned magnitude = 0; magnitude < format.infinity(); ++magnitude) {
            const double middle = (value_of(magnitude, format) + value_of(magnitude + 1, format)) / 2;
            for (const double value :
                 {middle, std::nextafter(middle, 0.0), std::nextafter(middle, infinity)}) {
                check_narrow(value);
                check_narrow(-value);
            }
        }
    }
}

TEST_CASE("random bits, also of numbers far outside") {
    std::mt19937_64 random(7);
    for (int i = 0; i < 200000; ++i) {
        const auto wide = std::bit_cast<double>(random());
        if (std::isfinite(wide)) check_narrow(wide);
        // Most doubles are far outside of the narrow formats: exponents around theirs, too.
        const auto near = std::ldexp(1.0 + std::ldexp(static_cast<double>(random() >> 12), -52),
                                     static_cast<int>(random() % 60) - 35);
        check_narrow(near);
    }
    for (const double value :
         {0.0, -0.0, 5e-324, -5e-324, 1e308, 65519.999, 65520.0, 65536.0, 3.4e38, 3.5e38})
        check_narrow(value);
}

TEST_CASE("infinities stay and NaN stays NaN with its sign") {
    const double infinity = std::numeric_limits<double>::infinity();
    CHECK(double_to_half(infinity) == 0x7C00);
    CHECK(double_to_half(-infinity) == 0xFC00);
    CHECK(double_to_bfloat(-infinity) == 0xFF80);
    for (const std::uint64_t bits : {0x7FF0000000000001ULL, 0x7FF8000000000000ULL, 0xFFF0000000000001ULL}) {
        const auto value = std::bit_cast<double>(bits);
        const bool negative = bits >> 63U != 0;
        CHECK((double_to_half(value) & 0x7FFFU) > 0x7C00U);
        CHECK((double_to_half(value) >> 15U != 0) == negative);
        CHECK((double_to_bfloat(value) & 0x7FFFU) > 0x7F80U);
        CHECK((double_to_bfloat(value) >> 15U != 0) == negative);
    }
    CHECK(std::isnan(half_to_float(float_to_half(std::bit_cast<float>(0x7F800001U)))));
    CHECK(std::isnan(bfloat_to_float(float_to_bfloat(std::bit_cast<float>(0xFF800001U)))));
}

TEST_CASE("float8 widens as its definition says") {
    for (unsigned bits = 0; bits < 256; ++bits) {
        const auto pattern = static_cast<std::uint8_t>(bits);
        const float small = e4m3fn_to_float(pattern), wide = e5m2_to_float(pattern);
        if ((bits & 0x7F) == 0x7F) {
            CHECK(std::isnan(small));
        } else {
            CHECK(std::fabs(static_cast<double>(small)) == value_of(bits & 0x7F, Narrow{3, 4}));
            CHECK(std::signbit(small) == (bits >= 0x80));
        }
        if ((bits & 0x7F) > 0x7C) {
            CHECK(std::isnan(wide));
        } else if ((bits & 0x7F) == 0x7C) {
            CHECK(std::isinf(wide));
        } else {
            CHECK(std::fabs(static_cast<double>(wide)) == value_of(bits & 0x7F, Narrow{2, 5}));
        }
    }
}

TEST_CASE("whole arrays convert at any length and address") {
    std::vector<float> values;
    for (int i = 0; i < 1000; ++i)
        values.push_back(std::ldexp(static_cast<float>(i) - 500.3F, i % 40 - 20));
    for (const std::size_t count : {0U, 1U, 3U, 7U, 8U, 31U, 1000U}) {
        for (const std::size_t shift : {0U, 1U, 3U}) {
            std::vector<std::byte> in(count * 4 + shift), out(count * 2 + shift);
            if (count != 0) std::memcpy(in.data() + shift, values.data(), count * 4);
            cast_elements(std::span(in).subspan(shift), DType::float32, std::span(out).subspan(shift),
                          DType::float16);
            for (std::size_t i = 0; i < count; ++i) {
                std::uint16_t bits = 0;
                std::memcpy(&bits, out.data() + shift + i * 2, 2);
                CHECK(bits == float_to_half(values[i]));
            }
        }
    }
    CHECK(cast_to<float>(bytes(std::vector<std::uint8_t>{0x38, 0xB8}), DType::float8_e4m3fn,
                         DType::float32) == std::vector<float>{1, -1});
    CHECK(cast_to<double>(bytes(std::vector<std::uint8_t>{0x3C}), DType::float8_e5m2, DType::float64) ==
          std::vector<double>{1});
    CHECK_FALSE(can_cast(DType::float32, DType::float8_e5m2));
    CHECK_FALSE(can_cast(DType::float8_e5m2, DType::int32));
}

TEST_CASE("infinite elements are counted by type") {
    const float infinity = std::numeric_limits<float>::infinity();
    CHECK(count_infinite(bytes(std::vector<float>{1, infinity, -infinity, NAN, 3e38F}), DType::float32) == 2);
    CHECK(count_infinite(bytes(std::vector<double>{HUGE_VAL, 1, -HUGE_VAL, NAN}), DType::float64) == 2);
    CHECK(count_infinite(bytes(std::vector<std::uint16_t>{0x7C00, 0xFC00, 0x7C01, 0x7BFF}), DType::float16) ==
          2);
    CHECK(count_infinite(bytes(std::vector<std::uint16_t>{0x7F80, 0x7C00, 0xFF80}), DType::bfloat16) == 2);
    CHECK(count_infinite(bytes(std::vector<std::uint8_t>{0x7C, 0xFC, 0x7D}), DType::float8_e5m2) == 2);
    CHECK(count_infinite(bytes(std::vector<std::uint8_t>{0x7C, 0xFC, 0x7D}), DType::int8) == 0);
}

TEST_CASE("a cast counts what it makes infinite, not what was so before") {
    const float infinity = std::numeric_limits<float>::infinity();
    const auto count = std::make_shared<CastCount>();
    const TensorExpr value = TensorExpr::cast(
        test::floats({2, 3}, {1, 70000, -70000, infinity, 65519, 65520}), DType::float16, count);
    std::vector<std::byte> out(12);
    evaluate(value, 0, out);
    CHECK(count->overflowed == 3);
    CHECK(value.cast_count() == count.get());
    // The transposition is computed whole: the other way through the code.
    evaluate(TensorExpr::cast(TensorExpr::transpose(value.inputs()[0], {1, 0}), DType::float16, count), 0,
             out);
    CHECK(count->overflowed == 6);
}

TEST_CASE("what can overflow is known by type") {
    CHECK(can_overflow(DType::float32, DType::float16));
    CHECK(can_overflow(DType::bfloat16, DType::float16));
    CHECK(can_overflow(DType::float32, DType::bfloat16));
    CHECK(can_overflow(DType::float64, DType::float32));
    CHECK(can_overflow(DType::float64, DType::bfloat16));
    CHECK_FALSE(can_overflow(DType::float16, DType::bfloat16));
    CHECK_FALSE(can_overflow(DType::bfloat16, DType::float32));
    CHECK_FALSE(can_overflow(DType::float32, DType::float64));
    CHECK_FALSE(can_overflow(DType::float8_e5m2, DType::float16));
}
