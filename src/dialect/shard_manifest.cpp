// SPDX-License-Identifier: Apache-2.0
// Reading and writing manifests, see shard_manifest.h.
#include "dialect/shard_manifest.h"

#include <algorithm>
#include <unordered_map>

#include "ballast/error.h"
#include "container/json/json.h"
#include "core/text.h"

namespace ballast {
namespace {

constexpr std::string_view map_key = "weight_map", metadata_key = "metadata";

Error damaged(const Probe& probe, std::string message) {
    return Error(ErrorCode::damaged, std::move(message)).in(probe.location().display());
}

/// Windows' spellings count too: a set may have come from there.
void check_file_name(std::string_view key, std::string_view name, const Probe& probe) {
    const bool bad = name.empty() || name == "." || name == ".." ||
                     name.find_first_of(std::string_view("/\\:\0", 4)) != std::string_view::npos;
    if (!bad && name != probe.location().name) return;
    throw Error(ErrorCode::unsafe_name,
                "the manifest names '" + escape(name) + "', which is no file beside it")
        .in(probe.location().display())
        .tensor(key)
        .hint("a manifest may only name files of its own folder");
}

class Reader {
public:
    explicit Reader(Probe& probe) : probe_(probe) {}

    std::shared_ptr<ShardManifest> read() {
        const Tree tree = json::parse(text(), probe_.options().limits, probe_.location().display());
        const Tree* map = tree.find(map_key);
        if (!map || !map->is_object()) throw damaged(probe_, "a manifest without a weight_map").at(0);
        if (const Tree* metadata = tree.find(metadata_key)) manifest_->metadata = *metadata;
        manifest_->entries.reserve(map->size());
        for (const auto& [key, value] : map->members())
            add(key, value);
        return std::move(manifest_);
    }

private:
    std::string text() {
        const auto source = probe_.source();
        const Limits& limits = probe_.options().limits;
        if (source->size() > limits.json_bytes)
            throw Error(ErrorCode::limit_exceeded, "the manifest is larger than the limit json_bytes")
                .in(source->path());
        std::string text(static_cast<std::size_t>(source->size()), '\0');
        source->read_at(0, std::as_writable_bytes(std::span(text)));
        return text;
    }

    void add(const std::string& key, const Tree& value) {
        ShardManifest::Entry entry{key, {}, true};
        if (value.is_string()) {
            entry.files.push_back(file(key, value.as_string()));
        } else if (value.is_array() && value.size() != 0) {
            for (const Tree& item : value.items()) {
                if (!item.is_string())
                    throw damaged(probe_, "'" + escape(key) + "' is mapped to no file name").tensor(key);
                entry.files.push_back(file(key, item.as_string()));
            }
        } else {
            throw damaged(probe_, "'" + escape(key) + "' is mapped to no file name").tensor(key);
        }
        manifest_->entries.push_back(std::move(entry));
    }

    std::uint32_t file(const std::string& key, std::string_view name) {
        const auto [found, fresh] =
            known_.emplace(std::string(name), static_cast<std::uint32_t>(manifest_->files.size()));
        if (fresh) {
            check_file_name(key, name, probe_);
            if (manifest_->files.size() >= probe_.options().limits.shards)
                throw Error(ErrorCode::limit_exceeded,
                            "the manifest names more files than Limits::shards allows")
                    .in(probe_.location().display())
                    .tensor(key);
            manifest_->files.emplace_back(name);
        }
        return found->second;
    }

    Probe& probe_;
    std::shared_ptr<ShardManifest> manifest_ = std::make_shared<ShardManifest>();
    std::unordered_map<std::string, std::uint32_t> known_;
};

}  // namespace

bool looks_like_manifest(Probe& probe) {
    if (probe.location().kind != Location::Kind::file || !probe.source()) return false;
    const auto head = probe.head();
    const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    // Metadata of our own may come first and be long: then the name decides whether the rest is worth
    // parsing.
    return first != std::string_view::npos && text[first] == '{' &&
           (text.find("\"weight_map\"") != std::string_view::npos || text.find("\"metadata\"") < first + 64);
}

std::shared_ptr<const ShardManifest> shard_manifest(Probe& probe) {
    return probe.shared<ShardManifest>([&] { return Reader(probe).read(); });
}

std::string manifest_text(const ShardManifest& manifest, unsigned indent) {
    Tree tree = Tree::object();
    tree.set(metadata_key, manifest.metadata);
    Tree& map = tree.set(map_key, Tree::object());
    for (const ShardManifest::Entry& entry : manifest.entries) {
        if (!entry.as_list) {
            map.set(entry.key, manifest.files[entry.files.front()]);
            continue;
        }
        Tree& list = map.set(entry.key, Tree::array());
        for (const std::uint32_t file : entry.files)
            list.push_back(manifest.files[file]);
    }
    return json::write(tree, indent);
}

PlannedFile text_file(std::string name, std::string_view text) {
    PlannedFile file;
    file.name = std::move(name);
    file.size = text.size();
    const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
    file.pieces.push_back({0, FixedBytes{{bytes, bytes + text.size()}}});
    return file;
}

}  // namespace ballast
