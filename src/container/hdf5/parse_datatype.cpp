// SPDX-License-Identifier: Apache-2.0
// Decoding of datatype messages. Nested types are bounded by a depth; everything else by the message's bytes.
#include "container/hdf5/parse_datatype.h"

#include <algorithm>

#include "ballast/tensor.h"
#include "core/checked.h"

namespace ballast::hdf5 {

namespace {

using format::TypeClass;

constexpr int deepest = 32;
constexpr std::uint32_t widest_integer = 16;

/// How the bits of a floating-point type lie. Offset 0, full precision and an implied leading one are
/// required too.
struct FloatLayout {
    std::uint8_t size, sign, exponent_at, exponent_bits, mantissa_at, mantissa_bits;
    std::uint32_t bias;
    DType dtype;
};
constexpr FloatLayout float_layouts[] = {
    {1, 7, 3, 4, 0, 3, 7, DType::float8_e4m3fn}, {1, 7, 2, 5, 0, 2, 15, DType::float8_e5m2},
    {2, 15, 10, 5, 0, 10, 15, DType::float16},   {2, 15, 7, 8, 0, 7, 127, DType::bfloat16},
    {4, 31, 23, 8, 0, 23, 127, DType::float32},  {8, 63, 52, 11, 0, 52, 1023, DType::float64},
};

struct IntegerType {
    std::uint8_t size;
    DType is_signed, is_unsigned;
};
constexpr IntegerType integer_types[] = {
    {1, DType::int8, DType::uint8},
    {2, DType::int16, DType::uint16},
    {4, DType::int32, DType::uint32},
    {8, DType::int64, DType::uint64},
};

class TypeParser {
public:
    TypeParser(const Metadata& metadata, Cursor& cursor) : metadata_(metadata), cursor_(cursor) {}
    Datatype parse(int depth);

private:
    /// The bytes before the properties.
    struct Prefix {
        unsigned version, bits;
    };
    void fixed(Datatype& type, Prefix prefix, bool bitfield);
    void floating(Datatype& type, Prefix prefix);
    void opaque(Datatype& type, Prefix prefix);
    void compound(Datatype& type, Prefix prefix, int depth);
    void enumeration(Datatype& type, Prefix prefix, int depth);
    void vlen(Datatype& type, Prefix prefix, int depth);
    void array(Datatype& type, Prefix prefix, int depth);
    void complex(Datatype& type, Prefix prefix, int depth);
    std::string_view padded_name(unsigned version);

    const Metadata& metadata_;
    Cursor& cursor_;
};

void set_dtype(Datatype& type, DType dtype) {
    type.dtype = dtype;
    type.name = to_string(dtype);
}

void TypeParser::fixed(Datatype& type, Prefix prefix, bool bitfield) {
    type.big_endian = (prefix.bits & 1) != 0;
    const bool is_signed = !bitfield && (prefix.bits & 8) != 0;
    const std::uint32_t offset = cursor_.u16(), precision = cursor_.u16();
    if (type.size > widest_integer) cursor_.fail("is an integer of more than 16 bytes");
    if (precision == 0 || offset + precision > 8 * type.size) cursor_.fail("has more bits than bytes");
    if (bitfield) {
        type.name = "bitfield" + std::to_string(precision);
        type.problem = "bit fields are no tensor type";
        return;
    }
    for (const IntegerType& row : integer_types) {
        if (row.size == type.size) set_dtype(type, is_signed ? row.is_signed : row.is_unsigned);
    }
    if (type.dtype == DType::opaque8 || offset != 0 || precision != 8 * type.size) {
        type.name = (is_signed ? "int" : "uint") + std::to_string(precision) + " in " +
                    std::to_string(type.size) + (type.size == 1 ? " byte" : " bytes");
        type.problem = "integers of " + std::to_string(precision) + " bits are not supported";
    }
}

void TypeParser::floating(Datatype& type, Prefix prefix) {
    const bool low_order = (prefix.bits & 1) != 0, high_order = (prefix.bits & 0x40) != 0;
    type.big_endian = low_order;
    const unsigned normalisation = (prefix.bits >> 4) & 3, sign = (prefix.bits >> 8) & 0xff;
    const std::uint32_t offset = cursor_.u16(), precision = cursor_.u16();
    const unsigned exponent_at = cursor_.u8(), exponent_bits = cursor_.u8();
    const unsigned mantissa_at = cursor_.u8(), mantissa_bits = cursor_.u8();
    const std::uint32_t bias = cursor_.u32();
    if (precision == 0 || std::uint64_t{offset} + precision > 8ull * type.size)
        cursor_.fail("has more bits than bytes");
    if (!high_order && offset == 0 && normalisation == 2) {
        for (const FloatLayout& row : float_layouts) {
            if (row.size == type.size && precision == 8u * row.size && row.sign == sign &&
                row.exponent_at == exponent_at && row.exponent_bits == exponent_bits &&
                row.mantissa_at == mantissa_at && row.mantissa_bits == mantissa_bits && row.bias == bias) {
                return set_dtype(type, row.dtype);
            }
        }
    }
    type.name = "custom float of " + std::to_string(precision) + " bits";
    type.problem = "this floating-point layout is not supported";
}

void TypeParser::opaque(Datatype& type, Prefix prefix) {
    auto tag = text_of(cursor_.take(align_up(prefix.bits & 0xff, 8)));
    tag = tag.substr(0, std::min(tag.find('\0'), tag.size()));
    type.name = "opaque[" + std::to_string(type.size) + "]";
    if (!tag.empty()) {
        type.problem = "opaque data with the tag '" + std::string(tag) + "' is no tensor type";
    } else if (type.size == 2) {
        set_dtype(type, DType::bfloat16);  // what Keras means by it: HDF5 has no bfloat16 of its own
    } else if (type.size == 1) {
        set_dtype(type, DType::opaque8);
    } else {
        type.problem = "opaque elements of " + std::to_string(type.size) + " bytes are no tensor type";
    }
}

std::string_view TypeParser::padded_name(unsigned version) {
    const std::string_view name = cursor_.text();
    if (version < 3) cursor_.skip(align_up(name.size() + 1, 8) - (name.size() + 1));
    return name;
}

void TypeParser::compound(Datatype& type, Prefix prefix, int depth) {
    const std::size_t count = prefix.bits & 0xffff;
    if (count == 0 || count > format::most_members)
        cursor_.fail("is a compound of 0 or more than 4096 members");
    type.name = "compound";
    type.problem = "compound data is no tensor type";
    std::size_t offset_width = 4;
    if (prefix.version >= 3) {
        offset_width = 1;
        for (std::uint32_t rest = type.size >> 8; rest != 0; rest >>= 8)
            ++offset_width;
    }
    // h5py's complex: r, i of one floating type.
    bool complex = count == 2;
    DType part = DType::opaque8;
    for (std::size_t i = 0; i < count; ++i) {
        const std::string_view name = padded_name(prefix.version);
        const std::uint64_t offset = cursor_.number(offset_width);
        unsigned rank = 0;
        if (prefix.version == 1) {
            rank = cursor_.u8();
            cursor_.skip(27);
        }
        const Datatype member = parse(depth + 1);
        if (!fits(offset, member.size, type.size))
            cursor_.fail("has a member that sticks out of its compound");
        complex = complex && rank == 0 && name == (i == 0 ? "r" : "i") && member.problem.empty() &&
                  offset == i * member.size && 2ull * member.size == type.size &&
                  (i == 0 || (member.dtype == part && member.big_endian == type.big_endian));
        part = member.dtype;
        type.big_endian = member.big_endian;
    }
    if (!complex || (part != DType::float32 && part != DType::float64)) {
        type.big_endian = false;
        return;
    }
    type.problem.clear();
    set_dtype(type, part == DType::float32 ? DType::complex64 : DType::complex128);
}

void TypeParser::enumeration(Datatype& type, Prefix prefix, int depth) {
    const std::size_t count = prefix.bits & 0xffff;
    const Datatype base = parse(depth + 1);
    if (base.type_class != TypeClass::fixed || base.size != type.size)
        cursor_.fail("is an enum over no integer");
    bool names_fit = count == 2;
    for (std::size_t i = 0; i < count; ++i) {
        const std::string_view name = padded_name(prefix.version);
        names_fit = names_fit && name == (i == 0 ? "FALSE" : "TRUE");
    }
    const auto values = cursor_.take(std::uint64_t{count} * base.size);
    type.dtype = base.dtype;
    type.big_endian = base.big_endian;
    type.problem = base.problem;
    type.name = "enum(" + base.name + ")";
    if (names_fit && base.size == 1 && values[0] == std::byte{0} && values[1] == std::byte{1}) {
        set_dtype(type, DType::boolean);
        type.is_bool = true;
    }
}

void TypeParser::vlen(Datatype& type, Prefix prefix, int depth) {
    const std::uint32_t on_disk = 8u + metadata_.geometry.offset_size;
    if (type.size != on_disk) cursor_.fail("is variable-length and has another size than its references");
    const Datatype base = parse(depth + 1);
    const unsigned kind = prefix.bits & 0xf;
    if (kind > 1) cursor_.fail("is variable-length of an unknown kind");
    type.vlen_string = kind == 1;
    type.padding = static_cast<format::StringPadding>((prefix.bits >> 4) & 0xf);
    if (type.vlen_string) {
        type.dtype = DType::string;
        type.name = "string";
        type.problem = "text is no tensor type";
    } else {
        type.name = "vlen(" + base.name + ")";
        type.problem = "variable-length data is no tensor type";
    }
}

void TypeParser::array(Datatype& type, Prefix prefix, int depth) {
    if (prefix.version < 2) cursor_.fail("is an array, which version 1 types cannot be");
    const std::size_t rank = cursor_.u8();
    if (rank == 0 || rank > Shape::max_rank) cursor_.fail("is an array of 0 or more than 32 dimensions");
    if (prefix.version == 2) cursor_.skip(3);
    std::uint64_t elements = 1;
    for (std::size_t i = 0; i < rank; ++i) {
        const auto next = checked_multiply(elements, cursor_.u32());
        if (!next) cursor_.fail("is an array of impossible size");
        elements = *next;
    }
    if (prefix.version == 2) cursor_.skip(4 * rank);
    const Datatype base = parse(depth + 1);
    const auto size = checked_multiply(elements, base.size);
    if (!size || *size != type.size) cursor_.fail("is an array whose size is not that of its elements");
    type.name = "array(" + base.name + ")";
    type.problem = "elements that are arrays are no tensor type";
}

/// HDF5 2 has complex numbers of its own; h5py goes on using compounds.
void TypeParser::complex(Datatype& type, Prefix prefix, int depth) {
    constexpr unsigned same_types = 1;
    if (prefix.version < 5 || (prefix.bits & same_types) == 0)
        cursor_.unsupported("is a complex number of unknown parts");
    const Datatype part = parse(depth + 1);
    if (2ull * part.size != type.size) cursor_.fail("is a complex number of another size than its parts");
    type.big_endian = part.big_endian;
    if (part.dtype == DType::float32 || part.dtype == DType::float64) {
        return set_dtype(type, part.dtype == DType::float32 ? DType::complex64 : DType::complex128);
    }
    type.name = "complex(" + part.name + ")";
    type.problem = "complex numbers of " + part.name + " are not supported";
}

Datatype TypeParser::parse(int depth) {
    if (depth > deepest) cursor_.fail("is nested deeper than 32 levels");
    const unsigned first = cursor_.u8();
    Prefix prefix{first >> 4, static_cast<unsigned>(cursor_.number(3))};
    Datatype type;
    type.size = cursor_.u32();
    type.type_class = static_cast<TypeClass>(first & 0xf);
    if (prefix.version == 0 || prefix.version > 5 ||
        (first & 0xf) > static_cast<unsigned>(TypeClass::complex)) {
        cursor_.unsupported("has version " + std::to_string(prefix.version) + " and class " +
                            std::to_string(first & 0xf) + ", which are not known together");
    }
    if (type.size == 0) cursor_.fail("has elements of no size");
    switch (type.type_class) {
        case TypeClass::fixed:
            fixed(type, prefix, false);
            break;
        case TypeClass::bitfield:
            fixed(type, prefix, true);
            break;
        case TypeClass::floating:
            floating(type, prefix);
            break;
        case TypeClass::time:
            cursor_.skip(2);
            type.name = "time";
            type.problem = "HDF5's time type is no tensor type";
            break;
        case TypeClass::string:
            type.padding = static_cast<format::StringPadding>(prefix.bits & 0xf);
            if ((prefix.bits & 0xf) > 2) cursor_.fail("is text with an unknown padding");
            type.dtype = DType::string;
            type.name = "string[" + std::to_string(type.size) + "]";
            type.problem = "text is no tensor type";
            break;
        case TypeClass::opaque:
            opaque(type, prefix);
            break;
        case TypeClass::compound:
            compound(type, prefix, depth);
            break;
        case TypeClass::reference:
            type.name = "reference";
            type.problem = "references are no tensor type";
            break;
        case TypeClass::enumeration:
            enumeration(type, prefix, depth);
            break;
        case TypeClass::vlen:
            vlen(type, prefix, depth);
            break;
        case TypeClass::array:
            array(type, prefix, depth);
            break;
        case TypeClass::complex:
            complex(type, prefix, depth);
            break;
    }
    return type;
}

}  // namespace

Datatype parse_datatype(const Metadata& metadata, Cursor& cursor) {
    return TypeParser(metadata, cursor).parse(0);
}

}  // namespace ballast::hdf5
