// SPDX-License-Identifier: Apache-2.0
// Encodes HDF5 datatypes and dataspaces as h5py writes them.
#include "container/hdf5/write_types.h"

#include <algorithm>
#include <array>
#include <string>

#include "ballast/error.h"

namespace ballast::hdf5::writer {
namespace {

enum class Kind : std::uint8_t { integer, floating, boolean, complex, opaque };

/// Sign at the top bit, exponent below it, mantissa at bit 0.
struct FloatFields {
    std::uint8_t exponent_bits = 0;
    std::uint8_t mantissa_bits = 0;
    std::uint32_t bias = 0;
};

struct TypeRow {
    DType dtype;
    Kind kind;
    std::uint8_t size;  ///< of the element; of one part of a complex
    bool is_signed = false;
    FloatFields fields = {};
};

constexpr FloatFields half = {5, 10, 15}, single = {8, 23, 127}, double_width = {11, 52, 1023};

constexpr std::array type_rows = {
    TypeRow{DType::boolean, Kind::boolean, 1},
    TypeRow{DType::int8, Kind::integer, 1, true},
    TypeRow{DType::uint8, Kind::integer, 1},
    TypeRow{DType::int16, Kind::integer, 2, true},
    TypeRow{DType::uint16, Kind::integer, 2},
    TypeRow{DType::int32, Kind::integer, 4, true},
    TypeRow{DType::uint32, Kind::integer, 4},
    TypeRow{DType::int64, Kind::integer, 8, true},
    TypeRow{DType::uint64, Kind::integer, 8},
    TypeRow{DType::float16, Kind::floating, 2, true, half},
    TypeRow{DType::bfloat16, Kind::opaque, 2},
    TypeRow{DType::float32, Kind::floating, 4, true, single},
    TypeRow{DType::float64, Kind::floating, 8, true, double_width},
    TypeRow{DType::complex64, Kind::complex, 4, true, single},
    TypeRow{DType::complex128, Kind::complex, 8, true, double_width},
    TypeRow{DType::opaque8, Kind::opaque, 1},
};

using format::TypeClass;

/// Version 1 and class, three bytes of class bits, element size.
Encoder& begin_type(Encoder& out, TypeClass cls, std::uint8_t bits0, std::uint8_t bits1, std::uint32_t size) {
    constexpr unsigned version = 1;
    return out.u8(static_cast<std::uint8_t>(version << 4 | static_cast<unsigned>(cls)))
        .u8(bits0)
        .u8(bits1)
        .u8(0)
        .u32(size);
}

void encode_integer(Encoder& out, std::uint8_t size, bool is_signed) {
    begin_type(out, TypeClass::fixed, is_signed ? 0x08 : 0x00, 0, size);
    out.u16(0).u16(static_cast<std::uint16_t>(8 * size));
}

void encode_float(Encoder& out, std::uint8_t size, const FloatFields& fields) {
    const auto bits = static_cast<std::uint8_t>(8 * size);
    constexpr std::uint8_t implied_leading_one = 0x20;
    begin_type(out, TypeClass::floating, implied_leading_one, static_cast<std::uint8_t>(bits - 1), size);
    out.u16(0).u16(bits).u8(fields.mantissa_bits).u8(fields.exponent_bits).u8(0).u8(fields.mantissa_bits);
    out.u32(fields.bias);
}

void encode_boolean(Encoder& out) {
    constexpr std::uint8_t members = 2;
    begin_type(out, TypeClass::enumeration, members, 0, 1);
    encode_integer(out, 1, true);
    out.text("FALSE").zeros(3).text("TRUE").zeros(4).u8(0).u8(1);
}

void encode_complex(Encoder& out, const TypeRow& row) {
    constexpr std::uint8_t members = 2;
    begin_type(out, TypeClass::compound, members, 0, 2u * row.size);
    constexpr std::size_t no_array = 28;  // rank, permutation and dimensions of a scalar member
    out.text("r").zeros(7).u32(0).zeros(no_array);
    encode_float(out, row.size, row.fields);
    out.text("i").zeros(7).u32(row.size).zeros(no_array);
    encode_float(out, row.size, row.fields);
}

}  // namespace

void encode_datatype(Encoder& out, DType dtype) {
    const auto row = std::find_if(type_rows.begin(), type_rows.end(),
                                  [&](const TypeRow& candidate) { return candidate.dtype == dtype; });
    if (row == type_rows.end()) {
        throw Error(ErrorCode::unsupported_dtype,
                    "HDF5 files of Keras have no element type " + std::string(to_string(dtype)))
            .hint("convert it to another type with --dtype");
    }
    switch (row->kind) {
        case Kind::integer:
            return encode_integer(out, row->size, row->is_signed);
        case Kind::floating:
            return encode_float(out, row->size, row->fields);
        case Kind::boolean:
            return encode_boolean(out);
        case Kind::complex:
            return encode_complex(out, *row);
        case Kind::opaque:
            begin_type(out, TypeClass::opaque, 0, 0, row->size);
            return;
    }
}

void encode_fixed_string_type(Encoder& out, std::uint32_t length) {
    begin_type(out, TypeClass::string, static_cast<std::uint8_t>(format::StringPadding::nul_padded), 0,
               length);
}

void encode_variable_string_type(Encoder& out, format::Charset set) {
    constexpr std::uint8_t string_kind = 0x01;
    begin_type(out, TypeClass::vlen, string_kind, static_cast<std::uint8_t>(set), format::vlen_element);
    encode_integer(out, 1, false);
}

void encode_dataspace(Encoder& out, const Shape& shape) {
    const bool has_maximum = shape.rank() != 0;  // h5py stores the maximum of every array, equal to its shape
    out.u8(1).u8(static_cast<std::uint8_t>(shape.rank())).u8(has_maximum ? 1 : 0).zeros(5);
    for (int copy = 0; copy < 2; ++copy) {
        for (const std::uint64_t dim : shape)
            out.u64(dim);
    }
}

}  // namespace ballast::hdf5::writer
