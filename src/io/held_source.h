// SPDX-License-Identifier: Apache-2.0
// Bytes that are computed as a whole when they are first asked for, behind the interface of a Source.
//
// They are held until as many bytes as there are have been handed out, so that reading all of a source in
// pieces computes it once, and a source that was read takes no memory. Any thread may read; those that come
// while the bytes are computed wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ballast/io.h"

namespace ballast::io {

/// `make` returns exactly `size` bytes or throws. `unread` bytes need not have been handed out for the rest
/// to count as all: a header that was read by other ways.
std::shared_ptr<const Source> held_source(std::uint64_t size, std::string path,
                                          std::function<std::vector<std::byte>()> make,
                                          std::uint64_t unread = 0);

}  // namespace ballast::io
