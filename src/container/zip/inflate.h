// SPDX-License-Identifier: Apache-2.0
// Inflating the raw deflate stream (RFC 1951) of a member, whole or only its first bytes. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ballast/index.h"

namespace ballast::zip {

/// The first `count` bytes; fewer only where the stream ends. Throws damaged.
std::vector<std::byte> inflate_head(const Extent& stored, std::size_t count);

/// All of it, which must be `size` bytes from all bytes of the extent; throws damaged otherwise. Memory is
/// taken as the bytes come, not as they are promised.
std::vector<std::byte> inflate_all(const Extent& stored, std::uint64_t size);

}  // namespace ballast::zip
