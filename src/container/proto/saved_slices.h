// SPDX-License-Identifier: Apache-2.0
// The messages of a checkpoint of version 1, which is one table: a header that lists every tensor, and the
// slices with their values. Values and pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "container/proto/bundle_messages.h"

namespace ballast::proto {

struct SavedTensor {
    std::string name;
    std::vector<std::int64_t> dims;
    bool unknown_rank = false;
    std::uint64_t dtype = 0;
    std::vector<TensorSlice> slices;
};

struct SavedTensors {
    std::vector<SavedTensor> tensors;
    std::int64_t min_consumer = 0;
};

/// A slice's place and its TensorProto, which is a view into the message.
struct SavedSlice {
    std::string name;
    TensorSlice slice;
    std::string_view values;
};

/// Errors: damaged; limit_exceeded above `most` tensors and slices together.
SavedTensors read_saved_tensors(std::string_view message, std::uint64_t most);
SavedSlice read_saved_slice(std::string_view message);

/// How a TensorProto keeps elements of a type: in a repeated field, each as a varint or in `width` bytes.
struct ValueField {
    std::uint32_t tag = 0;
    std::uint8_t width = 0;     ///< of one value; 0: a varint
    std::uint8_t elements = 1;  ///< values an element: 2 for complex ones
};
/// By DataType; tag 0 for a type that version 1 does not hold.
ValueField value_field(std::uint64_t dtype) noexcept;

/// What is in the field: how many values, and their bytes where they lie in one run of fixed width.
struct Values {
    std::uint64_t count = 0;
    std::string_view run;
};
Values find_values(std::string_view tensor, const ValueField& field);
/// The values as little-endian integers of `bytes` each, which must be `out.size() / bytes` many; varints
/// lose their upper bytes, as they do in TensorFlow.
void copy_values(std::string_view tensor, const ValueField& field, std::uint8_t bytes,
                 std::span<std::byte> out);
/// The strings of a TensorProto; the views end with the call.
void each_text(std::string_view tensor, const std::function<void(std::string_view)>& each);

}  // namespace ballast::proto
