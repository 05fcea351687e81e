// SPDX-License-Identifier: Apache-2.0
// The table of element types, and the names of files, see types.h.
#include "container/bundle/types.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace ballast::bundle {
namespace {

using enum DType;
constexpr std::array rows = {
    TypeRow{1, "float32", float32, 4},
    TypeRow{2, "float64", float64, 8},
    TypeRow{3, "int32", int32, 4},
    TypeRow{4, "uint8", uint8, 1},
    TypeRow{5, "int16", int16, 2},
    TypeRow{6, "int8", int8, 1},
    TypeRow{string_type, "string", DType::string, 0},
    TypeRow{8, "complex64", complex64, 8},
    TypeRow{9, "int64", int64, 8},
    TypeRow{10, "bool", boolean, 1},
    TypeRow{11, "qint8", int8, 1, false},
    TypeRow{12, "quint8", uint8, 1, false},
    TypeRow{13, "qint32", int32, 4, false},
    TypeRow{14, "bfloat16", bfloat16, 2},
    TypeRow{15, "qint16", int16, 2, false},
    TypeRow{16, "quint16", uint16, 2, false},
    TypeRow{17, "uint16", uint16, 2},
    TypeRow{18, "complex128", complex128, 16},
    TypeRow{19, "float16", float16, 2},
    TypeRow{variant_type, "variant", DType::string, 0, false},
    TypeRow{22, "uint32", uint32, 4},
    TypeRow{23, "uint64", uint64, 8},
    TypeRow{24, "float8_e5m2", float8_e5m2, 1},
    TypeRow{25, "float8_e4m3fn", float8_e4m3fn, 1},
    TypeRow{26, "float8_e4m3fnuz", opaque8, 1, false},
    TypeRow{27, "float8_e4m3b11fnuz", opaque8, 1, false},
    TypeRow{28, "float8_e5m2fnuz", opaque8, 1, false},
    TypeRow{29, "int4", int4, 1},
    TypeRow{30, "uint4", uint4, 1},
    TypeRow{31, "int2", opaque8, 1, false},
    TypeRow{32, "uint2", opaque8, 1, false},
    TypeRow{33, "float4_e2m1fn", opaque8, 1, false},
};
constexpr std::uint64_t first_reference = 100;

}  // namespace

const TypeRow* find_type(std::uint64_t number) noexcept {
    if (number > first_reference) number -= first_reference;
    const auto* const found =
        std::find_if(rows.begin(), rows.end(), [&](const TypeRow& row) { return row.number == number; });
    return found == rows.end() ? nullptr : found;
}

const TypeRow* type_of(DType dtype) noexcept {
    const auto* const found = std::find_if(rows.begin(), rows.end(), [&](const TypeRow& row) {
        return row.dtype == dtype && row.exact && row.bytes != 0;
    });
    return found == rows.end() ? nullptr : found;
}

std::string index_name(std::string_view prefix) {
    return std::string(prefix) + ".index";
}

std::string shard_name(std::string_view prefix, std::uint64_t shard, std::uint64_t shards) {
    const auto padded = [](std::uint64_t number) {
        std::string digits = std::to_string(number);
        constexpr std::size_t width = 5;
        return digits.size() < width ? std::string(width - digits.size(), '0') + digits : digits;
    };
    return std::string(prefix) + ".data-" + padded(shard) + "-of-" + padded(shards);
}

std::optional<ShardNumbers> shard_numbers(std::string_view prefix, std::string_view name) {
    constexpr std::string_view infix = ".data-", middle = "-of-";
    if (!name.starts_with(prefix)) return std::nullopt;
    std::string_view rest = name.substr(prefix.size());
    if (!rest.starts_with(infix)) return std::nullopt;
    rest.remove_prefix(infix.size());
    const std::size_t at = rest.find(middle);
    if (at == std::string_view::npos) return std::nullopt;
    ShardNumbers numbers;
    std::from_chars(rest.data(), rest.data() + at, numbers.shard);
    rest.remove_prefix(at + middle.size());
    std::from_chars(rest.data(), rest.data() + rest.size(), numbers.shards);
    // Only what would be written so is such a name.
    if (numbers.shards == 0 || shard_name(prefix, numbers.shard, numbers.shards) != name) return std::nullopt;
    return numbers;
}

}  // namespace ballast::bundle
