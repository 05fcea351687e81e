// SPDX-License-Identifier: Apache-2.0
// Where the Keras 3 layout is written to: one HDF5 file, or a set of shards that each hold a part of the same
// tree.
//
// Source of the splitting rule: spec/keras-hdf5.md §2.2, observed on Keras 3.15.1. Use from one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ballast/model.h"
#include "container/hdf5/write.h"
#include "model/layout.h"

namespace ballast::keras_v3 {

/// How tensors are spread over files.
struct ShardRule {
    enum class Kind : std::uint8_t {
        one_file,
        by_size,    ///< a new shard where the next tensor would exceed `largest` bytes of array data
        as_source,  ///< tensors that lie in one file of the source stay together
    };
    Kind kind = Kind::one_file;
    std::uint64_t largest = 0;
};

class Output {
public:
    Output(const ShardRule& rule, layout::Framework flavor, const Compression& compression);

    /// The `vars` group at `path` in the current shard. Its name goes there, also when the tensors end up in
    /// another one: so does Keras.
    void group(std::string_view path, std::optional<std::string_view> name);
    /// A tensor below the group at `path`; `key` may have several components. Errors: invalid_argument when
    /// it is larger than a shard, and as of Builder::dataset().
    void dataset(std::string_view path, std::string_view key, const TensorExpr& value);

    /// What the manifest's map says of a group with tensors.
    struct Entry {
        std::string path;
        std::vector<std::uint32_t> shards;  ///< in order of first use, unique
        std::size_t tensors = 0;
    };

    std::vector<hdf5::Builder>& builders() noexcept { return builders_; }
    const std::vector<Entry>& entries() const noexcept { return entries_; }  ///< of sets alone
    std::uint64_t tensor_bytes() const noexcept { return total_; }

private:
    void add_builder();
    std::uint32_t shard_for(const TensorExpr& value);
    hdf5::Builder::Id group_in(std::uint32_t shard, std::string_view path);
    void note(std::string_view path, std::uint32_t shard);

    ShardRule rule_;
    layout::Framework flavor_;
    Compression compression_;
    std::vector<hdf5::Builder> builders_;
    std::uint32_t current_ = 0;
    std::uint64_t in_current_ = 0, total_ = 0;
    std::unordered_map<const void*, std::uint32_t> shard_of_source_;
    std::vector<Entry> entries_;
    std::unordered_map<std::string, std::size_t> entry_of_;
};

}  // namespace ballast::keras_v3
