// SPDX-License-Identifier: Apache-2.0
// How a dataset's data lie in the file: the fill value, layout and pipeline messages.
// Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ballast/plan.h"
#include "container/hdf5/write_types.h"

namespace ballast::hdf5::writer {

/// Raw data begin at multiples of this, so that a mapping can be viewed as any element type and copied by
/// cache lines.
inline constexpr std::uint64_t data_alignment = 64;

/// Bytes of both messages, headers included.
inline constexpr std::uint32_t storage_messages_size = 16 + 32;
inline constexpr std::uint16_t storage_message_count = 2;

/// The fill value message (zeros, allocated late) and the layout message of a contiguous dataset.
/// `address` is format::undefined when there are no elements.
void encode_storage_messages(Encoder& out, std::uint64_t address, std::uint64_t length);

/// The same three of a chunked dataset; `index` is the address of its B-tree.
inline constexpr std::uint16_t chunked_message_count = 3;
std::uint32_t chunked_messages_size(const ChunkedTarget& target);
void encode_chunked_messages(Encoder& out, std::uint64_t index, const ChunkedTarget& target);

}  // namespace ballast::hdf5::writer
