// SPDX-License-Identifier: Apache-2.0
// Several HDF5 files that hold parts of one tree, seen as one file (shards). Pure; the result shares nothing
// with its parts but the sources of the data.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "container/hdf5/read.h"

namespace ballast::hdf5 {

struct MergeOptions {
    /// Whether part `part` is listed for the datasets of the group at `path`: such a part comes first.
    std::function<bool(std::size_t part, const std::string& path)> gives;
    std::uint64_t objects = 0;  ///< most objects of the whole
};

/// Groups and their attributes are united (the first part that has an attribute wins), datasets come from the
/// first part that is listed for them, else from the first that has them, which warnings() tells as it tells
/// what is met again. `source` stands for the whole in messages. Errors: damaged when one path is a group
/// here and a dataset there, limit_exceeded.
std::shared_ptr<const File> merge(std::span<const std::shared_ptr<const File>> parts,
                                  std::shared_ptr<const io::Source> source, const MergeOptions& options);

}  // namespace ballast::hdf5
