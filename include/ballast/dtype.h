// SPDX-License-Identifier: Apache-2.0
// Element types of tensors and their spelling in every dialect. Values only; all functions are thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "ballast/export.h"

namespace ballast {

/// Element types. In memory and in plans elements are little-endian and packed without padding.
enum class DType : std::uint8_t {
    boolean,
    int4,
    uint4,
    int8,
    uint8,
    int16,
    uint16,
    int32,
    uint32,
    int64,
    uint64,
    float8_e4m3fn,
    float8_e5m2,
    float16,
    bfloat16,
    float32,
    float64,
    complex64,
    complex128,
    string,   ///< a fixed-size or variable-size byte string: never a weight, only listed
    opaque8,  ///< one uninterpreted byte an element (HDF5 opaque of size 1: some float8)
};
inline constexpr int dtype_count = 21;  ///< enumerators of DType, whose values are 0 to 20

/// What arithmetic on an element type means; `other` are string and opaque8.
enum class DTypeClass : std::uint8_t { boolean, integer, unsigned_integer, floating, complex, other };

/// One row of the dtype table.
struct DTypeInfo {
    DType dtype;                   ///< the row it is of
    DTypeClass cls;                ///< bfloat16 and the float8 types are floating
    std::uint16_t bits;            ///< of one element; 0 for string
    std::string_view name;         ///< Ballast's, Keras' and numpy's name: "float32"
    std::string_view safetensors;  ///< "F32"; empty where the format has none
    std::string_view numpy;        ///< npy descr without byte order: "f4"; empty where there is none
    std::uint8_t tensorflow;       ///< tensorflow.DataType number; 0 where there is none
};

/// The row of the table; static data.
BALLAST_API const DTypeInfo& info(DType dtype) noexcept;
/// Ballast's name: "float32", "boolean" as "bool".
inline std::string_view to_string(DType dtype) noexcept {
    return info(dtype).name;
}
/// From Ballast's name ("float32"); nullopt when unknown.
BALLAST_API std::optional<DType> dtype_from_name(std::string_view name) noexcept;
/// From a safetensors name ("F32"); nullopt when unknown.
BALLAST_API std::optional<DType> dtype_from_safetensors(std::string_view name) noexcept;
/// Bytes of `count` elements, rounded up to whole bytes; throws Error limit_exceeded on overflow.
BALLAST_API std::uint64_t byte_size(DType dtype, std::uint64_t count);

}  // namespace ballast
