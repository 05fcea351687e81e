// SPDX-License-Identifier: Apache-2.0
// The header of a safetensors file, parsed and checked. Structure only; immutable once read.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ballast/io.h"
#include "ballast/limits.h"
#include "ballast/tensor.h"
#include "ballast/tree.h"

namespace ballast::safetensors {

/// One tensor; begin and end count from the start of the data.
struct Entry {
    std::string name;
    DType dtype = DType::float32;
    Shape shape;
    std::uint64_t begin = 0, end = 0;
};

struct Header {
    std::uint64_t data_offset = 0;  ///< of the first data byte in the file
    std::vector<Entry> entries;     ///< by offset; tensors of no bytes in the order of the text
    Tree metadata;                  ///< `__metadata__`: an object of strings; null when there is none
};

/// Whether the file starts like safetensors: a length and an object behind it. `head` is its beginning.
bool starts_like_header(std::span<const std::byte> head, const Limits& limits) noexcept;

/// Checks in this order, each with an error of its own: size, header length, UTF-8, JSON, metadata, every
/// entry (name, fields, dtype, shape, offsets, size), then all entries together (no hole, no overlap, end of
/// file). Throws truncated, damaged, unsupported, limit_exceeded with path and offset or tensor.
std::shared_ptr<Header> read_header(const io::Source& source, const Limits& limits);

}  // namespace ballast::safetensors
