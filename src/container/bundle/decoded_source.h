// SPDX-License-Identifier: Apache-2.0
// The values of a slice of a version 1 checkpoint that do not lie in the file as they are in memory: numbers
// of varying length, text, and everything in compressed blocks. Any thread may read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "ballast/io.h"
#include "container/bundle/types.h"
#include "container/proto/saved_slices.h"
#include "container/table/table.h"

namespace ballast::bundle {

/// The slices decoded last, since a large tensor is read in several calls.
class DecodedCache {
public:
    using Bytes = std::shared_ptr<const std::vector<std::byte>>;
    Bytes find(const void* owner) const;
    void keep(const void* owner, Bytes bytes);

private:
    mutable std::mutex mutex_;
    std::array<std::pair<const void*, Bytes>, 4> kept_;
    std::size_t next_ = 0;
};

/// Where a slice's message lies.
struct StoredSlice {
    table::Handle block;
    std::uint64_t place = 0, length = 0;  ///< in the block's contents
};

class DecodedSource final : public io::Source {
public:
    /// `size` is that of the values as they are presented: packed elements, or text as a bundle has it.
    DecodedSource(std::shared_ptr<const io::Source> file, table::Bounds bounds, StoredSlice slice,
                  const TypeRow& type, std::uint64_t size, std::shared_ptr<DecodedCache> cache)
        : file_(std::move(file)),
          bounds_(bounds),
          slice_(slice),
          type_(&type),
          size_(size),
          cache_(std::move(cache)) {}

    std::uint64_t size() const noexcept override { return size_; }
    /// Decodes the whole slice unless it is among those decoded last. Errors: as of table::read_block().
    void read_at(std::uint64_t offset, std::span<std::byte> out) const override;
    const std::string& path() const noexcept override { return file_->path(); }

private:
    DecodedCache::Bytes decode() const;

    std::shared_ptr<const io::Source> file_;
    table::Bounds bounds_;
    StoredSlice slice_;
    const TypeRow* type_;
    std::uint64_t size_;
    std::shared_ptr<DecodedCache> cache_;
};

}  // namespace ballast::bundle
