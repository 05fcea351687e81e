// SPDX-License-Identifier: Apache-2.0
// Dense storage: link and attribute messages kept in a fractal heap and listed by a version 2 B-tree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "container/hdf5/format.h"
#include "container/hdf5/read_metadata.h"

namespace ballast::hdf5 {

/// Receives the bytes of one message (valid during the call), where they lie in the file, and the message's
/// flags. Where the flags say shared, the bytes are an ID in the heap of shared messages.
using DenseVisitor =
    std::function<void(std::span<const std::byte>, std::uint64_t position, std::uint8_t flags)>;

/// Visits each message that the B-tree lists (link_name or attribute_name), in its order: by hash of the
/// name.
void for_each_dense(Metadata& metadata, std::uint64_t heap, std::uint64_t tree, format::Tree2Type type,
                    const DenseVisitor& visit);

}  // namespace ballast::hdf5
