// SPDX-License-Identifier: Apache-2.0
// Names of the files of a set: new ones never meet those an old set uses, so that one rename of the manifest
// is the whole commit. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ballast {

/// "a.b.weights.json" -> "a.b": the stem without every ".weights", as Keras takes it.
std::string keras_shard_base(std::string_view manifest_name);
/// "a.b" and 3 -> "a.b_00003.weights.h5".
std::string keras_shard_name(std::string_view base, std::uint64_t index);
/// The index of a name keras_shard_name() makes of this base; nothing for any other name.
std::optional<std::uint64_t> keras_shard_index(std::string_view base, std::string_view name);

/// "a_00003.weights.h5" -> "a.weights.json", "a-00001-of-00002.safetensors" -> "a.safetensors.index.json":
/// what the file is a shard of, if that is beside it. Empty for names that no shard has.
std::string manifest_of_shard(std::string_view name);

/// The `count` lowest numbers that are not in `used`.
std::vector<std::uint64_t> free_indices(const std::vector<std::uint64_t>& used, std::size_t count);

/// Names of a set with an index: "x.safetensors.index.json" and 3 files -> "x-00001-of-00003.safetensors", ….
struct IndexedNames {
    std::vector<std::string> fresh;  ///< numbered on where `existing` has the plain ones
    std::vector<std::string> old;    ///< those of `existing` that have this form
};
IndexedNames indexed_names(std::string_view index_name, std::size_t count,
                           const std::vector<std::string>& existing);

}  // namespace ballast
