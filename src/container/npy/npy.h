// SPDX-License-Identifier: Apache-2.0
// The .npy format of numpy (docs/formats/npy.md): a header in Python's notation, then one array.
//
// Used for single tensors (`cat`, `edit set`) and as the members of .npz. Versions 1, 2 and 3 are read in
// either byte order and either axis order; version 1 is written (2 where the header is too long for it),
// little-endian and row-major, byte for byte as np.save does. Nothing in a header is executed: it is parsed,
// not evaluated, and object arrays (pickles) are refused. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/dtype.h"
#include "ballast/io.h"
#include "ballast/limits.h"
#include "ballast/model.h"
#include "ballast/tensor.h"

namespace ballast::npy {

struct Header {
    DType dtype = DType::float32;
    Shape shape;
    bool big_endian = false;
    bool fortran_order = false;     ///< the first axis varies fastest
    std::uint64_t data_offset = 0;  ///< of the first element, from the start of the source
};

/// numpy's spelling of an element type: "<f4", "|u1". bfloat16 is "<V2" and float8 "|V1", the plain bytes
/// that numpy with ml_dtypes writes, too: read them with `.view(ml_dtypes.bfloat16)`. Empty where npy has no
/// type (int4, uint4, string).
std::string_view descr(DType dtype) noexcept;

struct Descr {
    DType dtype = DType::float32;
    bool big_endian = false;
};
/// The way back: two plain bytes are bfloat16, one is opaque8. nullopt for a type that is no tensor's.
std::optional<Descr> from_descr(std::string_view text) noexcept;

/// Everything before the elements. Errors: unsupported_dtype where descr() is empty.
std::vector<std::byte> format_header(DType dtype, const Shape& shape);

/// Reads and checks the header of a source that is one .npy file (or member) from its first to its last byte.
/// Errors, with path and offset: damaged, truncated, limit_exceeded, and unsupported for pickles, structured
/// types and texts.
Header read_header(const io::Source& source, const Limits& limits);

/// The array as a value whose stored and canonical name is `name`; Fortran order becomes a transposition.
TensorExpr value_of(std::shared_ptr<const io::Source> source, const Header& header, std::string name);

}  // namespace ballast::npy
