// SPDX-License-Identifier: Apache-2.0
// The dtype table: every spelling of every element type.
#include "ballast/dtype.h"

#include <array>

#include "ballast/error.h"
#include "core/checked.h"

namespace ballast {
namespace {

using enum DTypeClass;

// TensorFlow numbers: tensorflow/core/framework/types.proto as listed in spec/tensorflow.md.
constexpr std::array<DTypeInfo, dtype_count> table = {{
    {DType::boolean, boolean, 8, "bool", "BOOL", "b1", 10},
    {DType::int4, integer, 4, "int4", "", "", 29},
    {DType::uint4, unsigned_integer, 4, "uint4", "", "", 30},
    {DType::int8, integer, 8, "int8", "I8", "i1", 6},
    {DType::uint8, unsigned_integer, 8, "uint8", "U8", "u1", 4},
    {DType::int16, integer, 16, "int16", "I16", "i2", 5},
    {DType::uint16, unsigned_integer, 16, "uint16", "U16", "u2", 17},
    {DType::int32, integer, 32, "int32", "I32", "i4", 3},
    {DType::uint32, unsigned_integer, 32, "uint32", "U32", "u4", 22},
    {DType::int64, integer, 64, "int64", "I64", "i8", 9},
    {DType::uint64, unsigned_integer, 64, "uint64", "U64", "u8", 23},
    {DType::float8_e4m3fn, floating, 8, "float8_e4m3fn", "F8_E4M3", "", 25},
    {DType::float8_e5m2, floating, 8, "float8_e5m2", "F8_E5M2", "", 24},
    {DType::float16, floating, 16, "float16", "F16", "f2", 19},
    {DType::bfloat16, floating, 16, "bfloat16", "BF16", "", 14},
    {DType::float32, floating, 32, "float32", "F32", "f4", 1},
    {DType::float64, floating, 64, "float64", "F64", "f8", 2},
    {DType::complex64, complex, 64, "complex64", "C64", "c8", 8},
    {DType::complex128, complex, 128, "complex128", "", "c16", 18},
    {DType::string, other, 0, "string", "", "", 7},
    {DType::opaque8, other, 8, "opaque8", "", "V1", 0},
}};

constexpr bool in_enum_order() {
    for (std::size_t i = 0; i < table.size(); ++i) {
        if (static_cast<std::size_t>(table[i].dtype) != i) return false;
    }
    return true;
}
static_assert(in_enum_order());

}  // namespace

const DTypeInfo& info(DType dtype) noexcept {
    return table[static_cast<std::size_t>(dtype)];
}

std::optional<DType> dtype_from_name(std::string_view name) noexcept {
    for (const DTypeInfo& row : table) {
        if (row.name == name) return row.dtype;
    }
    return std::nullopt;
}

std::optional<DType> dtype_from_safetensors(std::string_view name) noexcept {
    for (const DTypeInfo& row : table) {
        if (!name.empty() && row.safetensors == name) return row.dtype;
    }
    return std::nullopt;
}

std::uint64_t byte_size(DType dtype, std::uint64_t count) {
    const std::uint64_t bits = info(dtype).bits;
    const auto total = bits % 8 == 0 ? checked_multiply(count, bits / 8) : checked_multiply(count, bits);
    if (!total || *total > UINT64_MAX - 7) {
        throw Error(ErrorCode::limit_exceeded, "a tensor's size in bytes does not fit 64 bits");
    }
    return bits % 8 == 0 ? *total : (*total + 7) / 8;
}

}  // namespace ballast
