// SPDX-License-Identifier: Apache-2.0
// Comparing runs of elements, see compare.h.
#include "analysis/compare.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "model/cast.h"

namespace ballast {
namespace {

/// How many numbers an element consists of, and of which type.
struct Parts {
    DType dtype;
    std::size_t count;
};

Parts parts_of(DType dtype) noexcept {
    if (dtype == DType::complex64) return {DType::float32, 2};
    if (dtype == DType::complex128) return {DType::float64, 2};
    return {dtype, 1};
}

constexpr std::size_t run_numbers = 2048;
using Numbers = std::array<double, run_numbers>;

/// `count` numbers of the type as float64.
void widen(std::span<const std::byte> bytes, DType dtype, std::size_t count, Numbers& out) {
    const auto into = std::as_writable_bytes(std::span(out)).first(count * sizeof(double));
    if (dtype == DType::float64)
        std::memcpy(into.data(), bytes.data(), into.size());
    else
        cast_elements(bytes, dtype, into, DType::float64);
}

/// Calls visit(x, y, parts) for runs of numbers of whole elements.
template <class Visit>
void by_runs(std::span<const std::byte> a, DType dtype_a, std::span<const std::byte> b, DType dtype_b,
             Visit visit) {
    const Parts parts_a = parts_of(dtype_a), parts_b = parts_of(dtype_b);
    const std::size_t size_a = info(parts_a.dtype).bits / 8U, size_b = info(parts_b.dtype).bits / 8U;
    const std::size_t total = a.size() / size_a;
    Numbers x{}, y{};
    for (std::size_t first = 0; first < total; first += run_numbers) {
        const std::size_t count = std::min(run_numbers, total - first);
        widen(a.subspan(first * size_a, count * size_a), parts_a.dtype, count, x);
        widen(b.subspan(first * size_b, count * size_b), parts_b.dtype, count, y);
        visit(std::span<const double>(x.data(), count), std::span<const double>(y.data(), count),
              parts_a.count, first);
    }
}

/// Of one element; NaN when one of its parts is none.
double distance(std::span<const double> x, std::span<const double> y, std::size_t at, std::size_t parts) {
    const auto part = [&](std::size_t i) {
        return x[at + i] == y[at + i] ? 0 : std::fabs(x[at + i] - y[at + i]);
    };
    return parts == 1 ? part(0) : std::hypot(part(0), part(1));
}

void widest(std::optional<double>& largest, double distance) {
    if (std::isnan(distance)) return;
    if (!largest || distance > *largest) largest = distance;
}

/// float64 would lose the last bits of 64-bit integers.
double widest_integers(std::span<const std::byte> a, std::span<const std::byte> b, bool with_sign) {
    std::uint64_t largest = 0;
    for (std::size_t at = 0; at + sizeof(std::uint64_t) <= a.size(); at += sizeof(std::uint64_t)) {
        std::uint64_t x = 0, y = 0;
        std::memcpy(&x, a.data() + at, sizeof x);
        std::memcpy(&y, b.data() + at, sizeof y);
        const bool less = with_sign ? static_cast<std::int64_t>(x) < static_cast<std::int64_t>(y) : x < y;
        largest = std::max(largest, less ? y - x : x - y);
    }
    return static_cast<double>(largest);
}

std::uint64_t count_different(std::span<const std::byte> a, std::span<const std::byte> b, std::size_t size) {
    std::uint64_t count = 0;
    for (std::size_t at = 0; at < a.size(); at += size)
        count += std::memcmp(a.data() + at, b.data() + at, size) != 0 ? 1U : 0U;
    return count;
}

std::uint64_t count_different_nibbles(std::span<const std::byte> a, std::span<const std::byte> b) {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const auto changed = std::to_integer<unsigned>(a[i] ^ b[i]);
        count += ((changed & 0x0FU) != 0 ? 1U : 0U) + ((changed & 0xF0U) != 0 ? 1U : 0U);
    }
    return count;
}

}  // namespace

void Comparison::add(const Comparison& other) {
    different += other.different;
    if (other.largest) widest(largest, *other.largest);
}

bool has_distance(DType dtype) noexcept {
    const DType part = parts_of(dtype).dtype;
    return part == DType::float64 || can_cast(part, DType::float64);
}

Comparison compare_bits(std::span<const std::byte> a, std::span<const std::byte> b, DType dtype) {
    if (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0) return {};
    Comparison result;
    if (info(dtype).bits == 4) {
        result.different = count_different_nibbles(a, b);
        return result;
    }
    result.different = count_different(a, b, std::max<std::size_t>(info(dtype).bits / 8U, 1));
    if (dtype == DType::int64 || dtype == DType::uint64) {
        result.largest = widest_integers(a, b, dtype == DType::int64);
    } else if (has_distance(dtype)) {
        const std::size_t size = info(dtype).bits / 8U;
        by_runs(a, dtype, b, dtype, [&](auto x, auto y, std::size_t parts, std::size_t first) {
            for (std::size_t i = 0; i < x.size(); i += parts) {
                const std::size_t at = (first + i) / parts * size;
                if (std::memcmp(a.data() + at, b.data() + at, size) != 0)
                    widest(result.largest, distance(x, y, i, parts));
            }
        });
    }
    return result;
}

Comparison compare_distance(std::span<const std::byte> a, DType dtype_a, std::span<const std::byte> b,
                            DType dtype_b, double tolerance) {
    if (dtype_a == dtype_b && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0)) return {};
    // Integers of 64 bits would lose their last bits: below 1 only equal ones are near enough.
    const bool integer = dtype_a == dtype_b && info(dtype_a).cls != DTypeClass::floating &&
                         info(dtype_a).cls != DTypeClass::complex;
    if (integer && tolerance < 1) return compare_bits(a, b, dtype_a);
    Comparison result;
    by_runs(a, dtype_a, b, dtype_b, [&](auto x, auto y, std::size_t parts, std::size_t) {
        for (std::size_t i = 0; i < x.size(); i += parts) {
            bool differs = false;
            for (std::size_t p = i; p < i + parts; ++p) {
                const bool alike = x[p] == y[p] || (std::isnan(x[p]) && std::isnan(y[p])) ||
                                   std::fabs(x[p] - y[p]) <= tolerance;
                differs = differs || !alike;
            }
            if (!differs) continue;
            ++result.different;
            widest(result.largest, distance(x, y, i, parts));
        }
    });
    return result;
}

}  // namespace ballast
