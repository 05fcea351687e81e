// SPDX-License-Identifier: Apache-2.0
// A data file whose tensors are checked against their checksums by whoever reads them, without a pass of its
// own.
//
// Any thread may read. A tensor read in one call is checked at once; one read in slices, in any order and on
// several threads, when its last slice arrives. A tensor of which only a part is ever read is not checked.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ballast/io.h"

namespace ballast::bundle {

/// The tensors of a data file. Their names lie in one text: there may be 100,000, and messages alone want
/// them.
class CheckedRanges {
public:
    struct Range {
        std::uint64_t offset = 0, length = 0;
        std::uint32_t crc = 0;   ///< of the bytes, not masked
        std::uint64_t name = 0;  ///< where it begins
    };

    void reserve(std::size_t count) { ranges_.reserve(count); }
    void add(std::uint64_t offset, std::uint64_t length, std::uint32_t crc, std::string_view name) {
        ranges_.push_back({offset, length, crc, names_.size()});
        names_ += name;
    }
    const std::vector<Range>& list() const noexcept { return ranges_; }
    std::string_view name(std::size_t range) const noexcept {
        const std::uint64_t begin = ranges_[range].name;
        const std::uint64_t end = range + 1 < ranges_.size() ? ranges_[range + 1].name : names_.size();
        return std::string_view(names_).substr(static_cast<std::size_t>(begin),
                                               static_cast<std::size_t>(end - begin));
    }

private:
    std::vector<Range> ranges_;
    std::string names_;
};

class CheckedSource final : public io::Source {
public:
    /// The ranges must be sorted, disjoint, not empty and inside of the file.
    CheckedSource(std::shared_ptr<const io::Source> file, CheckedRanges ranges)
        : file_(std::move(file)), ranges_(std::move(ranges)) {}

    std::uint64_t size() const noexcept override { return file_->size(); }
    void read_at(std::uint64_t offset, std::span<std::byte> out) const override;
    const std::string& path() const noexcept override { return file_->path(); }
    std::shared_ptr<const std::byte> map(std::uint64_t offset, std::uint64_t length) const override;

private:
    /// A slice of a range that has been read, with its own checksum.
    struct Slice {
        std::uint64_t begin = 0, length = 0;
        std::uint32_t crc = 0;
    };

    void check(std::uint64_t offset, std::span<const std::byte> bytes) const;
    void add(std::size_t range, Slice slice) const;
    void compare(std::size_t range, std::uint32_t crc) const;

    std::shared_ptr<const io::Source> file_;
    CheckedRanges ranges_;
    mutable std::mutex mutex_;
    /// By range: slices read so far, sorted, neighbours joined. Under the lock.
    mutable std::unordered_map<std::size_t, std::vector<Slice>> slices_;
};

}  // namespace ballast::bundle
