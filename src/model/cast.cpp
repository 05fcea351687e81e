// SPDX-License-Identifier: Apache-2.0
// Conversions between element types, with one rounding each.
#include "model/cast.h"

#include <bit>
#include <cstring>
#include <type_traits>

#include "ballast/error.h"
#include "model/narrow.h"

namespace ballast {
namespace {

static_assert(std::endian::native == std::endian::little, "elements in memory are little-endian");

struct Half {
    std::uint16_t bits;
};
struct Bfloat {
    std::uint16_t bits;
};

struct E4m3fn {
    std::uint8_t bits;
};
struct E5m2 {
    std::uint8_t bits;
};

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
    else if constexpr (std::is_same_v<From, E4m3fn>)
        return convert<To>(e4m3fn_to_float(value.bits));
    else if constexpr (std::is_same_v<From, E5m2>)
        return convert<To>(e5m2_to_float(value.bits));
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
    // Promised not to overlap: without that, compilers keep to one element at a time.
    const std::byte* __restrict from = in.data();
    std::byte* __restrict to = out.data();
    for (std::size_t i = 0; i < count; ++i)
        store(to + i * sizeof(To), convert<To>(load<From>(from + i * sizeof(From))));
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

template <class From>
bool widen_all(std::span<const std::byte> in, std::span<std::byte> out, DType to) {
    return visit_type(to, [&](auto target) { convert_all<From, decltype(target)>(in, out); });
}

/// How many elements have a magnitude (all bits but the sign) from `least` to `most`.
template <class Bits>
std::uint64_t count_magnitudes(std::span<const std::byte> bytes, Bits least, Bits most) {
    const std::size_t count = bytes.size() / sizeof(Bits);
    constexpr Bits mask = static_cast<Bits>(~Bits{0}) >> 1U;
    std::uint64_t found = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const auto magnitude = static_cast<Bits>(load<Bits>(bytes.data() + i * sizeof(Bits)) & mask);
        found += magnitude >= least && magnitude <= most ? 1U : 0U;
    }
    return found;
}

template <class Bits>
std::uint64_t count_magnitude(std::span<const std::byte> bytes, Bits wanted) {
    return count_magnitudes(bytes, wanted, wanted);
}

/// NaNs lie above infinity.
template <class Bits>
std::uint64_t count_above(std::span<const std::byte> bytes, Bits infinity) {
    constexpr Bits mask = static_cast<Bits>(~Bits{0}) >> 1U;
    return count_magnitudes(bytes, static_cast<Bits>(infinity + 1U), mask);
}

/// Calls count(infinity) with its bits, of a part for complex types; 0 for types without infinities.
template <class Count>
std::uint64_t with_infinity(DType dtype, Count count) {
    switch (dtype) {
        case DType::float8_e5m2:
            return count(std::uint8_t{0x7C});
        case DType::float16:
            return count(std::uint16_t{0x7C00});
        case DType::bfloat16:
            return count(std::uint16_t{0x7F80});
        case DType::float32:
        case DType::complex64:
            return count(std::uint32_t{0x7F800000});
        case DType::float64:
        case DType::complex128:
            return count(std::uint64_t{0x7FF0000000000000});
        default:
            return 0;
    }
}

}  // namespace

bool can_cast(DType from, DType to) noexcept {
    if (from == to) return visit_type(from, [](auto) {});
    if (info(from).cls == DTypeClass::floating) return is_floating_type(to);
    const IntegerRange source = integer_range(from);
    if (source.bits == 0) return false;
    // A 64-bit integer would be rounded twice on its way to bfloat16.
    if (is_floating_type(to)) return !(to == DType::bfloat16 && source.bits > 32);
    const IntegerRange target = integer_range(to);
    return to != DType::boolean && source.bits <= target.bits && (!source.negative || target.negative);
}

void cast_elements(std::span<const std::byte> in, DType from, std::span<std::byte> out, DType to) {
    bool done = false;
    if (from == DType::float8_e4m3fn) {
        done = widen_all<E4m3fn>(in, out, to);
    } else if (from == DType::float8_e5m2) {
        done = widen_all<E5m2>(in, out, to);
    } else {
        visit_type(from, [&](auto source) { done = widen_all<decltype(source)>(in, out, to); });
    }
    if (!done) throw Error(ErrorCode::internal, "a cast that TensorExpr::cast should have refused");
}

std::uint64_t count_infinite(std::span<const std::byte> bytes, DType dtype) noexcept {
    return with_infinity(dtype, [&](auto infinity) { return count_magnitude(bytes, infinity); });
}

std::uint64_t count_nan(std::span<const std::byte> bytes, DType dtype) noexcept {
    // This type has one NaN and no infinity.
    if (dtype == DType::float8_e4m3fn) return count_magnitude<std::uint8_t>(bytes, 0x7FU);
    return with_infinity(dtype, [&](auto infinity) { return count_above(bytes, infinity); });
}

bool can_overflow(DType from, DType to) noexcept {
    const auto exponent_bits = [](DType dtype) {
        switch (dtype) {
            case DType::float16:
            case DType::float8_e5m2:
                return 5;
            case DType::float8_e4m3fn:
                return 4;
            case DType::bfloat16:
            case DType::float32:
                return 8;
            default:
                return 11;
        }
    };
    // float32 to bfloat16: the largest ones round up.
    return exponent_bits(from) > exponent_bits(to) || (from == DType::float32 && to == DType::bfloat16);
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
