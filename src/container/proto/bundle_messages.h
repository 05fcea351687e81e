// SPDX-License-Identifier: Apache-2.0
// The messages of a tensor bundle's index: its header, and an entry for every tensor. Values and pure
// functions.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ballast::proto {

struct BundleHeader {
    std::int64_t num_shards = 0;
    std::uint64_t endianness = 0;  ///< 0 little, 1 big
    std::int64_t min_consumer = 0;
};

/// One dimension of a slice; without a length it is the whole dimension.
struct SliceExtent {
    std::int64_t start = 0;
    std::optional<std::int64_t> length;
};
using TensorSlice = std::vector<SliceExtent>;

struct BundleEntry {
    std::uint64_t dtype = 0;
    std::vector<std::int64_t> dims;
    bool unknown_rank = false;
    std::int64_t shard = 0, offset = 0, size = 0;
    std::uint32_t crc = 0;
    std::vector<TensorSlice> slices;  ///< to be written
    std::uint64_t slice_count = 0;    ///< of an entry that was read: each_slice() tells them
};

/// What a TensorShapeProto says.
struct TensorDims {
    std::vector<std::int64_t> dims;
    bool unknown_rank = false;
};

BundleHeader read_header(std::string_view message);
/// More than 254 dimensions or 1,000,000 slices throw limit_exceeded.
BundleEntry read_entry(std::string_view message);
/// The slices of the same message, one by one: two bytes of a file declare one, which takes 24 and more here.
void each_slice(std::string_view message, const std::function<void(const TensorSlice&)>& visit);
/// Parts of other messages; what protozero throws is the caller's to guard. The same limits.
void read_dims(std::string_view shape, TensorDims& into);
TensorSlice read_slice(std::string_view message);
std::string write_header(const BundleHeader& header);
std::string write_entry(const BundleEntry& entry);

/// The key under which the bytes of a slice are stored: an encoding of name and extents that sorts as they
/// do.
std::string slice_key(std::string_view name, const TensorSlice& slice);

}  // namespace ballast::proto
