// SPDX-License-Identifier: Apache-2.0
// Conversions between element types, with one rounding each.
#include "model/cast.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "ballast/error.h"

namespace ballast {
namespace {

static_assert(std::endian::native == std::endian::little, "elements in memory are little-endian");

struct Half {
    std::uint16_t bits;
};
struct Bfloat {
    std::uint16_t bits;
};

/// A binary16-like format: 1 sign bit, then exponent, then `fraction` bits.
struct Narrow {
    int fraction;
    int exponent_bits;
    constexpr int bias() const { return (1 << (exponent_bits - 1)) - 1; }
};
constexpr Narrow half_format{10, 5};
constexpr Narrow bfloat_format{7, 8};

/// Rounds a double to the format once, ties to even. NaN keeps its sign and the top of its payload, and
/// becomes quiet.
std::uint16_t narrow(double value, Narrow format) noexcept {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    const auto sign = static_cast<std::uint16_t>((bits >> 48) & 0x8000U);
    const int exponent = static_cast<int>((bits >> 52) & 0x7FFU);
    const std::uint64_t fraction = bits & ((1ULL << 52) - 1);
    const auto infinity = static_cast<std::uint16_t>(((1U << format.exponent_bits) - 1) << format.fraction);
    if (exponent == 0x7FF) {
        if (fraction == 0) return sign | infinity;
        const auto payload = static_cast<std::uint16_t>(fraction >> (52 - format.fraction));
        return static_cast<std::uint16_t>(sign | infinity | payload | (1U << (format.fraction - 1)));
    }
    // A double's own subnormals are far below half of the smallest result.
    if (exponent == 0) return sign;
    const int target = exponent - 1023 + format.bias();
    // Bits of the significand (with its leading 1) that do not fit; more for results that are subnormal.
    int dropped = 52 - format.fraction;
    if (target < 1) dropped += 1 - target;
    if (dropped > 63) return sign;
    const std::uint64_t significand = fraction | (1ULL << 52);
    std::uint64_t kept = significand >> dropped;
    const std::uint64_t rest = significand & ((1ULL << dropped) - 1);
    const std::uint64_t middle = 1ULL << (dropped - 1);
    if (rest > middle || (rest == middle && (kept & 1U))) ++kept;
    // Adding (not or-ing) the exponent lets a carry out of the fraction raise it, up to infinity.
    const std::uint64_t scaled =
        target < 1 ? kept : kept + (static_cast<std::uint64_t>(target - 1) << format.fraction);
    return sign | (scaled >= infinity ? infinity : static_cast<std::uint16_t>(scaled));
}

template <class T>
T load(const std::byte* at) noexcept {
    T value;
    std::memcpy(&value, at, sizeof(T));
    return value;
}

template <class T>
void store(std::byte* at, T value) noexcept {
    std::memcpy(at, &value, sizeof(T));
}

template <class To, class From>
To convert(From value) noexcept {
    if constexpr (std::is_same_v<From, Half>)
        return convert<To>(half_to_float(value.bits));
    else if constexpr (std::is_same_v<From, Bfloat>)
        return convert<To>(bfloat_to_float(value.bits));
    else if constexpr (std::is_same_v<To, Half> && std::is_same_v<From, float>)
        return Half{float_to_half(value)};
    else if constexpr (std::is_same_v<To, Half>)
        return Half{double_to_half(static_cast<double>(value))};
    else if constexpr (std::is_same_v<To, Bfloat> && std::is_same_v<From, float>)
        return Bfloat{float_to_bfloat(value)};
    else if constexpr (std::is_same_v<To, Bfloat>)
        return Bfloat{double_to_bfloat(static_cast<double>(value))};
    else
        return static_cast<To>(value);
}

template <class From, class To>
void convert_all(std::span<const std::byte> in, std::span<std::byte> out) {
    const std::size_t count = in.size() / sizeof(From);
    for (std::size_t i = 0; i < count; ++i)
        store(out.data() + i * sizeof(To), convert<To>(load<From>(in.data() + i * sizeof(From))));
}

/// Calls visit(type) with a value of the C++ type of the dtype; false when there is none.
template <class Visit>
bool visit_type(DType dtype, Visit visit) {
    switch (dtype) {
        case DType::boolean:
        case DType::uint8:
            visit(std::uint8_t{});
            return true;
        case DType::int8:
            visit(std::int8_t{});
            return true;
        case DType::int16:
            visit(std::int16_t{});
            return true;
        case DType::uint16:
            visit(std::uint16_t{});
            return true;
        case DType::int32:
            visit(std::int32_t{});
            return true;
        case DType::uint32:
            visit(std::uint32_t{});
            return true;
        case DType::int64:
            visit(std::int64_t{});
            return true;
        case DType::uint64:
            visit(std::uint64_t{});
            return true;
        case DType::float16:
            visit(Half{});
            return true;
        case DType::bfloat16:
            visit(Bfloat{});
            return true;
        case DType::float32:
            visit(float{});
            return true;
        case DType::float64:
            visit(double{});
            return true;
        default:
            return false;
    }
}

bool is_floating_type(DType dtype) noexcept {
    return dtype == DType::float16 || dtype == DType::bfloat16 || dtype == DType::float32 ||
           dtype == DType::float64;
}

/// Integers and booleans: how many value bits, and whether there is a sign.
struct IntegerRange {
    int bits = 0;
    bool negative = false;
};

IntegerRange integer_range(DType dtype) noexcept {
    const int bits = info(dtype).bits;
    switch (info(dtype).cls) {
        case DTypeClass::boolean:
            return {1, false};
        case DTypeClass::unsigned_integer:
            return bits >= 8 ? IntegerRange{bits, false} : IntegerRange{};
        case DTypeClass::integer:
            return bits >= 8 ? IntegerRange{bits - 1, true} : IntegerRange{};
        default:
            return {};
    }
}

template <class T>
T add(T a, T b) noexcept {
    if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, Bfloat>)
        return convert<T>(convert<float>(a) +
                          convert<float>(b));  // exact enough: a float holds more than twice the bits
    else if constexpr (std::is_integral_v<T>)
        return static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) +
                              static_cast<std::make_unsigned_t<T>>(b));
    else
        return a + b;
}

template <class T>
T square(T a) noexcept {
    if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, Bfloat>)
        return convert<T>(convert<float>(a) * convert<float>(a));
    else if constexpr (std::is_integral_v<T>)
        // Through 64 bits: narrower unsigned types would be promoted to int, whose overflow is undefined.
        return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(a));
    else
        return a * a;
}

}  // namespace

float half_to_float(std::uint16_t bits) noexcept {
    const std::uint32_t sign = (bits & 0x8000U) << 16;
    const std::uint32_t exponent = (bits >> 10) & 0x1FU;
    const std::uint32_t fraction = bits & 0x3FFU;
    if (exponent == 0x1F) return std::bit_cast<float>(sign | 0x7F800000U | (fraction << 13));
    if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;  // exact: zero and subnormals
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
}

float bfloat_to_float(std::uint16_t bits) noexcept {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

std::uint16_t float_to_bfloat(float value) noexcept {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
    return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

std::uint16_t float_to_half(float value) noexcept {
    return narrow(static_cast<double>(value), half_format);
}
std::uint16_t double_to_half(double value) noexcept {
    return narrow(value, half_format);
}
std::uint16_t double_to_bfloat(double value) noexcept {
    return narrow(value, bfloat_format);
}

bool can_cast(DType from, DType to) noexcept {
    if (from == to) return visit_type(from, [](auto) {});
    if (is_floating_type(from)) return is_floating_type(to);
    const IntegerRange source = integer_range(from);
    if (source.bits == 0) return false;
    // A 64-bit integer would be rounded twice on its way to bfloat16.
    if (is_floating_type(to)) return !(to == DType::bfloat16 && source.bits > 32);
    const IntegerRange target = integer_range(to);
    return to != DType::boolean && source.bits <= target.bits && (!source.negative || target.negative);
}

void cast_elements(std::span<const std::byte> in, DType from, std::span<std::byte> out, DType to) {
    bool done = false;
    visit_type(from, [&](auto source) {
        done = visit_type(to, [&](auto target) { convert_all<decltype(source), decltype(target)>(in, out); });
    });
    if (!done) throw Error(ErrorCode::internal, "a cast that TensorExpr::cast should have refused");
}

bool has_arithmetic(DType dtype) noexcept {
    return dtype != DType::boolean && visit_type(dtype, [](auto) {});
}

void add_elements(std::span<std::byte> sum, std::span<const std::byte> other, DType dtype) {
    visit_type(dtype, [&](auto type) {
        using T = decltype(type);
        for (std::size_t i = 0; i + sizeof(T) <= sum.size(); i += sizeof(T))
            store(sum.data() + i, add(load<T>(sum.data() + i), load<T>(other.data() + i)));
    });
}

void square_elements(std::span<std::byte> x, DType dtype) {
    visit_type(dtype, [&](auto type) {
        using T = decltype(type);
        for (std::size_t i = 0; i + sizeof(T) <= x.size(); i += sizeof(T))
            store(x.data() + i, square(load<T>(x.data() + i)));
    });
}

}  // namespace ballast
