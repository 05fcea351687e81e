// SPDX-License-Identifier: Apache-2.0
// Small messages of datasets and attributes: dataspace, fill value, filter pipeline.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ballast/index.h"
#include "ballast/tensor.h"
#include "container/hdf5/parse_header.h"
#include "container/hdf5/read_metadata.h"

namespace ballast::hdf5 {

struct Dataspace {
    Shape shape;
    Shape max;             ///< as shape; an unlimited axis is all ones
    bool is_null = false;  ///< neither shape nor data; shape is then (0,)
    std::uint64_t elements = 1;
};
Dataspace parse_dataspace(const Metadata& metadata, Cursor& cursor);

/// The bytes of one element, in the dataset's own type; empty = zeros.
std::vector<std::byte> parse_fill(Cursor& cursor);
std::vector<std::byte> parse_old_fill(Cursor& cursor);

struct Pipeline {
    std::vector<Filter> filters;
    std::vector<std::string> names;  ///< as the file names them; may be empty
};
Pipeline parse_pipeline(Cursor& cursor);

}  // namespace ballast::hdf5
