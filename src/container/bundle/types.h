// SPDX-License-Identifier: Apache-2.0
// TensorFlow's element types, and the names of a bundle's files. Static data and pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ballast/dtype.h"

namespace ballast::bundle {

/// What TensorFlow calls an element type, and how we hold it.
struct TypeRow {
    std::uint8_t number = 0;
    std::string_view name;  ///< TensorFlow's
    DType dtype = DType::opaque8;
    std::uint8_t bytes = 0;  ///< of one stored element; 0: strings and variants, which have no fixed size
    bool exact = true;       ///< false where our type says less than TensorFlow's (quantized and small types)
};

/// By DataType number; null for one that stands for nothing, or for nothing that is stored.
const TypeRow* find_type(std::uint64_t number) noexcept;
/// What a tensor of this type is written as; null for types a bundle does not hold.
const TypeRow* type_of(DType dtype) noexcept;

inline constexpr std::uint8_t string_type = 7, variant_type = 21;

/// A checksum as the bytes have it, of one as it is stored (table::mask()).
constexpr std::uint32_t unmask(std::uint32_t masked) noexcept {
    const std::uint32_t rotated = masked - 0xa282ead8U;
    return (rotated >> 17) | (rotated << 15);
}

/// "P.index"
std::string index_name(std::string_view prefix);
/// "P.data-00002-of-00005"
std::string shard_name(std::string_view prefix, std::uint64_t shard, std::uint64_t shards);

/// The two numbers in the name of a data file.
struct ShardNumbers {
    std::uint64_t shard = 0, shards = 0;
};
/// Of a data file of this prefix; nullopt for any other name.
std::optional<ShardNumbers> shard_numbers(std::string_view prefix, std::string_view name);

}  // namespace ballast::bundle
