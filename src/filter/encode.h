// SPDX-License-Identifier: Apache-2.0
// The filters of chunk pipelines in the encoding direction. Deterministic: the same bytes and level give the
// same result whatever the thread. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>

#include "ballast/options.h"
#include "ballast/plan.h"

namespace ballast::filter {

/// Shuffle (for elements of more than one byte), then the compressor. Errors: invalid_argument for a level
/// the compressor does not have.
std::shared_ptr<const ChunkCodec> compressing_codec(const Compression& compression,
                                                    std::uint32_t element_size);

}  // namespace ballast::filter
