// SPDX-License-Identifier: Apache-2.0
// Version 2 B-trees: the records of all nodes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "container/hdf5/format.h"
#include "container/hdf5/read_metadata.h"

namespace ballast::hdf5 {

using RecordVisitor = std::function<void(std::span<const std::byte> record, std::uint64_t position)>;

/// Visits every record of the tree, node by node (not in key order). The type must be the expected one and
/// its records have `record_size` bytes. Errors: damaged, truncated, checksum_mismatch.
void for_each_record(Metadata& metadata, std::uint64_t position, format::Tree2Type type,
                     std::size_t record_size, const RecordVisitor& visit);

}  // namespace ballast::hdf5
