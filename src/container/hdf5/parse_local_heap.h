// SPDX-License-Identifier: Apache-2.0
// Local heaps: the names of one old-style group, or of the files that external data lie in. Keeps its buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "container/hdf5/read_metadata.h"

namespace ballast::hdf5 {

class LocalHeap {
public:
    explicit LocalHeap(Metadata& metadata) : metadata_(metadata) {}
    /// Errors: damaged, truncated, limit_exceeded.
    void load(std::uint64_t position);
    /// The text at an offset, valid until the next load; `cursor` is where the offset stands, for errors.
    std::string_view text(std::uint64_t offset, const Cursor& cursor) const;

private:
    Metadata& metadata_;
    std::vector<std::byte> bytes_;
    std::size_t size_ = 0;
};

}  // namespace ballast::hdf5
