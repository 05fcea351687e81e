// SPDX-License-Identifier: Apache-2.0
// Reading a set of safetensors files through its index, see reader.h.
#include <algorithm>
#include <unordered_map>

#include "ballast/error.h"
#include "core/text.h"
#include "dialect/shard_manifest.h"
#include "format.h"
#include "reader.h"

namespace ballast::safetensors {
namespace {

constexpr std::string_view index_suffix = ".safetensors.index.json", file_suffix = ".safetensors";

/// Collects the tensors the index promises.
class SetReader {
public:
    explicit SetReader(Probe& probe) : probe_(probe), manifest_(shard_manifest(probe)) {
        for (const ShardManifest::Entry& entry : manifest_->entries) {
            if (entry.files.size() != 1)
                throw Error(ErrorCode::damaged, "the index maps a tensor to several files")
                    .in(probe.location().display())
                    .tensor(entry.key);
            file_of_.emplace(entry.key, entry.files.front());
        }
    }

    ArchiveContents read() {
        for (std::uint32_t file = 0; file < manifest_->files.size(); ++file)
            add(file);
        for (const ShardManifest::Entry& entry : manifest_->entries) {
            if (file_of_.contains(entry.key))
                throw Error(ErrorCode::damaged, "the index promises a tensor that its file does not hold")
                    .in(probe_.location().fs->display(manifest_->files[entry.files.front()]))
                    .tensor(entry.key);
        }
        ArchiveContents contents = contents_of(std::move(tensors_), metadata(), probe_.options().limits);
        contents.model->producer.sharded = true;
        contents.warnings.insert(contents.warnings.end(), warnings_.begin(), warnings_.end());
        return contents;
    }

private:
    void add(std::uint32_t file) {
        const std::string& name = manifest_->files[file];
        const auto source = open(name);
        const auto header = read_header(*source, probe_.options().limits);
        if (file == 0) first_metadata_ = header->metadata;
        for (TensorInfo& tensor : tensors_of(*header, source)) {
            const auto listed = file_of_.find(tensor.stored_name);
            if (listed == file_of_.end() || listed->second != file) {
                constexpr std::size_t most = 20;
                if (unlisted_++ < most)
                    warnings_.push_back("'" + tensor.stored_name + "' in " + source->path() +
                                        " is not what the index lists there; ignored");
                continue;
            }
            file_of_.erase(listed);
            tensors_.push_back(std::move(tensor));
        }
    }

    std::shared_ptr<const io::Source> open(const std::string& name) const {
        const Location& location = probe_.location();
        try {
            return location.fs->open(name);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::not_found) throw;
            throw Error(ErrorCode::not_found, "a file is missing that " + location.display() + " names")
                .in(location.fs->display(name))
                .hint("all files of the set must lie in the folder of the index, under the names it gives");
        }
    }

    /// The first file's, and our own entry of the index.
    Tree metadata() const {
        Tree metadata = first_metadata_.is_null() ? Tree::object() : first_metadata_;
        if (metadata.find(ballast_key)) metadata.erase(ballast_key);
        if (const Tree* layout = manifest_->metadata.find(ballast_key)) metadata.set(ballast_key, *layout);
        return metadata.size() == 0 ? Tree() : metadata;
    }

    Probe& probe_;
    std::shared_ptr<const ShardManifest> manifest_;
    std::unordered_map<std::string_view, std::uint32_t> file_of_;  ///< of tensors not met yet
    std::vector<TensorInfo> tensors_;
    std::vector<std::string> warnings_;
    Tree first_metadata_;
    std::size_t unlisted_ = 0;
};

}  // namespace

bool is_index(Probe& probe) {
    if (!looks_like_manifest(probe)) return false;
    const bool called_so = probe.location().name.ends_with(index_suffix);
    try {
        const auto& files = shard_manifest(probe)->files;
        if (files.empty()) return called_so;
        return std::all_of(files.begin(), files.end(),
                           [](const std::string& name) { return name.ends_with(file_suffix); });
    } catch (const Error&) {
        if (called_so) throw;
        return false;
    }
}

ArchiveContents open_set(Probe& probe) {
    return SetReader(probe).read();
}

}  // namespace ballast::safetensors
