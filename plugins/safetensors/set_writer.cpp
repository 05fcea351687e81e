// SPDX-License-Identifier: Apache-2.0
// Writing a set of safetensors files with its index, see writer.h.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "ballast/error.h"
#include "dialect/reporting.h"
#include "dialect/shard_manifest.h"
#include "dialect/shard_names.h"
#include "format.h"
#include "writer.h"

namespace ballast::safetensors {
namespace {

using Shards = std::vector<std::vector<std::size_t>>;

Shards by_size(const Contents& contents, std::uint64_t largest) {
    Shards shards(1);
    std::uint64_t used = 0;
    for (std::size_t i = 0; i < contents.size(); ++i) {
        const std::uint64_t size = contents.value(i).byte_count();
        if (size > largest) {
            throw Error(ErrorCode::invalid_argument, "the tensor takes " + std::to_string(size) +
                                                         " bytes, more than a file of " +
                                                         std::to_string(largest))
                .tensor(contents.tensor(i).name)
                .hint("a tensor is never split: use --max-shard-size " + std::to_string(size) + "B or more");
        }
        if (size > largest - used) {
            shards.emplace_back();
            used = 0;
        }
        used += size;
        shards.back().push_back(i);
    }
    return shards;
}

/// As the files of the source hold them.
Shards as_source(const Contents& contents) {
    Shards shards;
    std::unordered_map<const io::Source*, std::size_t> known;
    for (std::size_t i = 0; i < contents.size(); ++i) {
        const auto [found, fresh] = known.emplace(file_of(contents.value(i)), shards.size());
        if (fresh) shards.emplace_back();
        shards[found->second].push_back(i);
    }
    if (shards.empty()) shards.emplace_back();
    return shards;
}

Shards partition(const Contents& contents, const SaveOptions& options, const std::string& name) {
    if (options.max_shard_size != 0) return by_size(contents, options.max_shard_size);
    if (contents.model().producer.sharded) return as_source(contents);
    throw Error(ErrorCode::invalid_argument, "a set of files needs the size of a file")
        .in(name)
        .hint("add --max-shard-size 2GB, or write one file: .safetensors");
}

/// In the order the tensors have in a file: falling element size.
void sort_like_file(const Contents& contents, Shards& shards) {
    std::vector<std::size_t> rank(contents.size());
    for (std::size_t i = 0; i < contents.order().size(); ++i)
        rank[contents.order()[i]] = i;
    for (std::vector<std::size_t>& shard : shards)
        std::sort(shard.begin(), shard.end(),
                  [&](std::size_t a, std::size_t b) { return rank[a] < rank[b]; });
}

}  // namespace

WritePlan plan_set(const Model& model, const Target& target, const SaveOptions& options, Report& report) {
    const Contents contents(model, options, report);
    const std::string& name = target.location.name;
    Shards shards = partition(contents, options, name);
    sort_like_file(contents, shards);

    const IndexedNames names = indexed_names(name, shards.size(), target.existing);
    WritePlan plan;
    plan.commit = name;
    ShardManifest manifest;
    manifest.files = names.fresh;
    std::uint64_t total = 0;
    for (std::size_t shard = 0; shard < shards.size(); ++shard) {
        plan.files.push_back(plan_file(contents, shards[shard], contents.metadata(), names.fresh[shard]));
        for (const std::size_t i : shards[shard]) {
            total += contents.value(i).byte_count();
            manifest.entries.push_back({contents.tensor(i).name, {static_cast<std::uint32_t>(shard)}, false});
        }
    }
    manifest.metadata = Tree::object();
    manifest.metadata.set("total_size", total);
    if (auto layout = contents.layout()) manifest.metadata.set(ballast_key, *std::move(layout));
    plan.files.push_back(text_file(name, manifest_text(manifest, 2)));
    // Files of that name without an index are somebody else's.
    if (target.location.fs->stat(name)) plan.remove_after = names.old;
    return plan;
}

}  // namespace ballast::safetensors
