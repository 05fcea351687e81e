// SPDX-License-Identifier: Apache-2.0
// Datatype messages: which DType a stored type is, or why it is none.
#pragma once

#include <cstdint>
#include <string>

#include "ballast/dtype.h"
#include "container/hdf5/format.h"
#include "container/hdf5/read_metadata.h"

namespace ballast::hdf5 {

struct Datatype {
    format::TypeClass type_class = format::TypeClass::fixed;
    std::uint32_t size = 0;  ///< bytes of one element in the file
    DType dtype = DType::opaque8;
    bool big_endian = false;
    bool vlen_string = false;
    bool is_bool = false;
    format::StringPadding padding = format::StringPadding::nul_terminated;
    std::string name;     ///< for people: "float32", "string[12]", "compound"
    std::string problem;  ///< why it cannot be a tensor's element type; empty = it can

    bool is_string() const noexcept { return vlen_string || type_class == format::TypeClass::string; }
};

/// Errors: damaged for contradictions. Types we do not know or cannot use have `problem` set instead.
Datatype parse_datatype(const Metadata& metadata, Cursor& cursor);

}  // namespace ballast::hdf5
