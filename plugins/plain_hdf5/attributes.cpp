// SPDX-License-Identifier: Apache-2.0
// Attributes as metadata, see attributes.h.
#include "attributes.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>

#include "filter/decode.h"
#include "model/narrow.h"

namespace ballast::plain_hdf5 {
namespace {

/// Larger arrays are data rather than metadata: their values are left out.
constexpr std::uint64_t most_values = 4096;

template <class T>
T loaded(const std::byte* bytes) {
    T value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

/// The shortest text that reads back as the same value.
template <class Float>
Tree number(Float value) {
    if (std::isnan(value)) return Tree::number("NaN");
    if (std::isinf(value)) return Tree::number(value < 0 ? "-Infinity" : "Infinity");
    char text[64];
    const auto end = std::to_chars(std::begin(text), std::end(text), value).ptr;
    return Tree::number(std::string(text, end));
}

Tree hex(std::span<const std::byte> bytes) {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const std::byte byte : bytes) {
        text += digits[std::to_integer<unsigned>(byte) >> 4U];
        text += digits[std::to_integer<unsigned>(byte) & 15U];
    }
    Tree tree = Tree::object();
    tree.set("hex", std::move(text));
    return tree;
}

template <class Float>
Tree complex_number(const std::byte* bytes) {
    Tree tree = Tree::object();
    tree.set("r", number(loaded<Float>(bytes)));
    tree.set("i", number(loaded<Float>(bytes + sizeof(Float))));
    return tree;
}

/// One element in native byte order.
Tree element(DType dtype, const std::byte* bytes) {
    switch (dtype) {
        case DType::boolean:
            return Tree(loaded<std::uint8_t>(bytes) != 0);
        case DType::int8:
            return Tree(std::int64_t{loaded<std::int8_t>(bytes)});
        case DType::uint8:
            return Tree(std::uint64_t{loaded<std::uint8_t>(bytes)});
        case DType::int16:
            return Tree(std::int64_t{loaded<std::int16_t>(bytes)});
        case DType::uint16:
            return Tree(std::uint64_t{loaded<std::uint16_t>(bytes)});
        case DType::int32:
            return Tree(std::int64_t{loaded<std::int32_t>(bytes)});
        case DType::uint32:
            return Tree(std::uint64_t{loaded<std::uint32_t>(bytes)});
        case DType::int64:
            return Tree(loaded<std::int64_t>(bytes));
        case DType::uint64:
            return Tree(loaded<std::uint64_t>(bytes));
        case DType::float16:
            return number(half_to_float(loaded<std::uint16_t>(bytes)));
        case DType::float32:
            return number(loaded<float>(bytes));
        case DType::float64:
            return number(loaded<double>(bytes));
        case DType::complex64:
            return complex_number<float>(bytes);
        case DType::complex128:
            return complex_number<double>(bytes);
        default:
            return hex({bytes, static_cast<std::size_t>(byte_size(dtype, 1))});
    }
}

Tree described(const hdf5::Attribute& attribute, std::string_view problem) {
    Tree tree = Tree::object();
    if (attribute.problem.empty()) tree.set("dtype", to_string(attribute.dtype));
    Tree& shape = tree.set("shape", Tree::array());
    for (const std::uint64_t dim : attribute.shape)
        shape.push_back(dim);
    tree.set("problem", problem);
    return tree;
}

}  // namespace

Tree nested(const Shape& shape, std::vector<Tree> values) {
    for (std::size_t axis = shape.rank(); axis-- > 1;) {
        const std::uint64_t row = shape[axis];
        std::vector<Tree> rows;
        std::uint64_t count = 1;
        for (std::size_t outer = 0; outer < axis; ++outer)
            count *= shape[outer];
        if (values.empty() && count > most_values) return Tree::array();  // nothing, many times over
        rows.reserve(static_cast<std::size_t>(count));
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto begin = values.begin() + static_cast<std::ptrdiff_t>(i * row);
            rows.emplace_back(Tree::Array(std::make_move_iterator(begin),
                                          std::make_move_iterator(begin + static_cast<std::ptrdiff_t>(row))));
        }
        values = std::move(rows);
    }
    if (shape.rank() == 0 && values.size() == 1) return std::move(values.front());
    return Tree(Tree::Array(std::move(values)));
}

Tree attribute_tree(const hdf5::Attribute& attribute) {
    if (!attribute.problem.empty()) return described(attribute, attribute.problem);
    if (attribute.is_null) return {};
    std::vector<Tree> values;
    if (attribute.is_string) {
        for (const std::string& text : attribute.strings)
            values.emplace_back(text);
        return nested(attribute.shape, std::move(values));
    }
    const std::size_t size = byte_size(attribute.dtype, 1), count = attribute.bytes.size() / size;
    if (count > most_values) return described(attribute, "more values than metadata holds");
    std::vector<std::byte> native = attribute.bytes;
    if (attribute.big_endian) swap_bytes(native, attribute.dtype);
    values.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
        values.push_back(element(attribute.dtype, native.data() + i * size));
    return nested(attribute.shape, std::move(values));
}

}  // namespace ballast::plain_hdf5
