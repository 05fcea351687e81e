// SPDX-License-Identifier: Apache-2.0
// The format sharded_h5: detection, and reading a set as the one tree its shards are parts of.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "container/hdf5/read_merge.h"
#include "dialect/keras_v3.h"
#include "dialect/shard_manifest.h"
#include "format.h"

namespace ballast {
namespace formats {
extern const FormatInfo sharded_h5_info;
const Format& sharded_h5();
}  // namespace formats

namespace sharded_h5 {
namespace {

constexpr std::string_view suffix = ".weights.json";

bool is_keras_key(const ShardManifest::Entry& entry) {
    return entry.key.starts_with('/');
}

/// Which shards the map lets give the tensors of each group.
class Givers {
public:
    explicit Givers(const ShardManifest& manifest) {
        for (const ShardManifest::Entry& entry : manifest.entries) {
            const std::string_view path =
                std::string_view(entry.key).substr(entry.key.starts_with('/') ? 1 : 0);
            givers_[std::string(path)].insert(entry.files.begin(), entry.files.end());
        }
    }

    /// A tensor may lie deeper than the group the map names (vars/a/b).
    bool gives(std::size_t shard, std::string_view path) const {
        while (true) {
            const auto found = givers_.find(std::string(path));
            if (found != givers_.end()) return found->second.contains(static_cast<std::uint32_t>(shard));
            const std::size_t slash = path.rfind('/');
            if (slash == std::string_view::npos) return false;
            path = path.substr(0, slash);
        }
    }

private:
    std::unordered_map<std::string, std::unordered_set<std::uint32_t>> givers_;
};

std::shared_ptr<const hdf5::File> open_shard(const Probe& probe, const std::string& name) {
    const Location& location = probe.location();
    try {
        return hdf5::File::parse(location.fs->open(name), probe.options().limits);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::not_found) throw;
        throw Error(ErrorCode::not_found, "a shard is missing that " + location.display() + " names")
            .in(location.fs->display(name))
            .hint("all files of the set must lie in the folder of the manifest, under the names it gives");
    }
}

class ShardedH5 final : public Format {
public:
    const FormatInfo& info() const noexcept override { return formats::sharded_h5_info; }

    Match probe(Probe& probe) const override {
        Match no = {Confidence::no, true, "a JSON manifest with weight_map"};
        if (!looks_like_manifest(probe)) return no;
        std::shared_ptr<const ShardManifest> manifest;
        try {
            manifest = shard_manifest(probe);
        } catch (const Error&) {
            if (probe.location().name.ends_with(suffix)) throw;
            return no;
        }
        const auto& entries = manifest->entries;
        const auto other = [](const std::string& name) { return name.ends_with(".safetensors"); };
        if (!manifest->files.empty() && std::all_of(manifest->files.begin(), manifest->files.end(), other))
            return no;
        const bool keys = entries.empty() ? probe.location().name.ends_with(suffix)
                                          : std::all_of(entries.begin(), entries.end(), is_keras_key);
        return keys ? Match{Confidence::certain, true, "a JSON manifest of `vars` groups"} : no;
    }

    std::shared_ptr<Archive> open(Probe& probe) const override {
        ArchiveContents contents = open_set(probe);
        contents.format = &info();
        return std::make_shared<Archive>(probe.location(), std::move(contents));
    }

    WritePlan plan(const Model& model, const Target& target, const SaveOptions& options,
                   Report& report) const override {
        return plan_set(model, target, options, report);
    }
};

}  // namespace

ArchiveContents open_set(Probe& probe) {
    if (!probe.source())
        throw Error(ErrorCode::not_a_file, "a set of shards is given by its manifest")
            .in(probe.location().display());
    const std::shared_ptr<const ShardManifest> manifest = shard_manifest(probe);
    std::vector<std::shared_ptr<const hdf5::File>> shards;
    for (const std::string& name : manifest->files)
        shards.push_back(open_shard(probe, name));
    const Givers givers(*manifest);
    hdf5::MergeOptions options;
    options.objects = probe.options().limits.objects;
    options.gives = [&](std::size_t shard, const std::string& path) { return givers.gives(shard, path); };
    const auto whole = hdf5::merge(shards, probe.source(), options);
    ArchiveContents contents = keras_v3::lift(*whole, probe.options());
    contents.model->producer.sharded = true;
    contents.metadata.set("shards", static_cast<std::uint64_t>(manifest->files.size()));
    for (const ShardManifest::Entry& entry : manifest->entries) {
        const std::string_view path = std::string_view(entry.key).substr(entry.key.starts_with('/') ? 1 : 0);
        const hdf5::ObjectId group = whole->find(0, path);
        if (group != hdf5::no_object && !whole->children(group).empty()) continue;
        contents.problems.push_back(
            Error(ErrorCode::damaged, "the manifest lists tensors that none of its shards holds")
                .in(probe.location().display())
                .tensor(entry.key)
                .hint("the set is not complete: save it again, or find the shard the manifest lacks"));
    }
    return contents;
}

}  // namespace sharded_h5

const Format& formats::sharded_h5() {
    static const ballast::sharded_h5::ShardedH5 format;
    return format;
}

}  // namespace ballast
