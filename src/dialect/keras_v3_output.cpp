// SPDX-License-Identifier: Apache-2.0
// Spreading the Keras 3 layout over files, see keras_v3_output.h.
#include "dialect/keras_v3_output.h"

#include <algorithm>

#include "ballast/error.h"
#include "dialect/reporting.h"

namespace ballast::keras_v3 {
namespace {

using hdf5::Builder;

}  // namespace

Output::Output(const ShardRule& rule, layout::Framework flavor, const Compression& compression)
    : rule_(rule), flavor_(flavor), compression_(compression) {
    add_builder();
}

void Output::add_builder() {
    builders_.emplace_back().compress(compression_);
}

std::uint32_t Output::shard_for(const TensorExpr& value) {
    if (rule_.kind == ShardRule::Kind::one_file) return 0;
    if (rule_.kind == ShardRule::Kind::as_source) {
        const auto next = static_cast<std::uint32_t>(shard_of_source_.size());
        const auto [found, fresh] = shard_of_source_.emplace(file_of(value), next);
        if (fresh && next != 0) add_builder();
        return current_ = found->second;
    }
    const std::uint64_t size = value.byte_count();
    if (size > rule_.largest) {
        throw Error(ErrorCode::invalid_argument, "the tensor takes " + std::to_string(size) +
                                                     " bytes, more than a shard of " +
                                                     std::to_string(rule_.largest))
            .tensor(source_name(value))
            .hint("a tensor is never split: use a larger --max-shard-size");
    }
    if (size > rule_.largest - in_current_) {
        add_builder();
        ++current_;
        in_current_ = 0;
    }
    in_current_ += size;
    return current_;
}

Builder::Id Output::group_in(std::uint32_t shard, std::string_view path) {
    return builders_[shard].groups(builders_[shard].root(), path);
}

void Output::group(std::string_view path, std::optional<std::string_view> name) {
    const Builder::Id group = group_in(current_, path);
    if (name) builders_[current_].attribute(group, "name", *name, Builder::Charset::utf8);
}

void Output::dataset(std::string_view path, std::string_view key, const TensorExpr& value) {
    const std::uint32_t shard = shard_for(value);
    total_ += value.byte_count();
    Builder::Id group = group_in(shard, path);
    const std::size_t slash = key.rfind('/');
    std::string_view leaf = key;
    if (slash != std::string_view::npos) {
        group = builders_[shard].groups(group, key.substr(0, slash));
        leaf = key.substr(slash + 1);
    }
    const Builder::Id id = builders_[shard].dataset(group, leaf, value);
    // HDF5 has no bfloat16: Keras 3 marks the opaque bytes, and cannot load them without the mark.
    if (flavor_ == layout::Framework::keras3 && value.dtype() == DType::bfloat16)
        builders_[shard].attribute(id, "dtype", "bfloat16", Builder::Charset::utf8);
    if (rule_.kind != ShardRule::Kind::one_file) note(path, shard);
}

void Output::note(std::string_view path, std::uint32_t shard) {
    const auto [found, fresh] = entry_of_.emplace(std::string(path), entries_.size());
    if (fresh) entries_.push_back({std::string(path), {}, 0});
    Entry& entry = entries_[found->second];
    ++entry.tensors;
    if (std::find(entry.shards.begin(), entry.shards.end(), shard) == entry.shards.end())
        entry.shards.push_back(shard);
}

}  // namespace ballast::keras_v3
