// SPDX-License-Identifier: Apache-2.0
// TensorFlow's tensor bundle: `P.index` says which tensor lies where in `P.data-00000-of-0000N`.
//
// Parsing reads the index, checks all of it against the data files, and opens those. A Bundle is immutable
// and may be used from any thread. What is read through the tensors it describes is checked against the
// stored checksums.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/index.h"
#include "ballast/io.h"
#include "ballast/limits.h"
#include "container/bundle/strings.h"
#include "container/bundle/types.h"

namespace ballast::bundle {

struct Entry {
    std::string key;
    const TypeRow* type = nullptr;
    Shape shape;
    std::uint64_t shard = 0, offset = 0, size = 0;  ///< nothing of it for a sliced tensor
    std::uint32_t crc = 0;
    std::uint64_t slices = 0;  ///< how many the tensor is stored in; 0 = whole
    /// Presents the bytes of a tensor that is not stored as one run of packed elements; null for all others.
    std::shared_ptr<const io::Source> assembled;
};

class Bundle {
public:
    /// Errors: not_found, damaged, truncated, checksum_mismatch, unsupported, limit_exceeded, with the key as
    /// tensor.
    static std::shared_ptr<const Bundle> parse(std::shared_ptr<io::Fs> fs, std::string prefix,
                                               const Limits& limits);

    /// Every tensor, by key. The parts of sliced tensors are not among them.
    const std::vector<Entry>& entries() const noexcept { return entries_; }
    const Entry* find(std::string_view key) const noexcept;
    std::uint64_t shards() const noexcept { return shards_; }
    /// 2; 1 for what parse_v1() read, whose `shards` are its files.
    unsigned version() const noexcept { return version_; }
    bool big_endian() const noexcept { return big_endian_; }
    /// The path of the index, for messages.
    const std::string& path() const noexcept { return path_; }

    /// Where and how the tensor is stored, under its key. Not for text.
    TensorInfo tensor(const Entry& entry) const;
    /// The strings of a text tensor, row-major; check_text() only checks them. Errors as of parse().
    std::vector<std::string> strings(const Entry& entry) const;
    void check_text(const Entry& entry) const;
    /// The bytes of a tensor as they are stored; of a text tensor unchecked.
    Extent stored(const Entry& entry) const;

private:
    friend class Parser;
    friend class V1Parser;
    Bundle() = default;
    void decode_text(const Entry& entry, const EachString& each) const;

    Limits limits_;
    std::string path_;
    std::uint64_t shards_ = 0;
    unsigned version_ = 2;
    bool big_endian_ = false;
    std::vector<Entry> entries_;
    std::vector<std::shared_ptr<const io::Source>> sources_;  ///< by shard; null where nothing refers to it
};

}  // namespace ballast::bundle
