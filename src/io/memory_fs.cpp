// SPDX-License-Identifier: Apache-2.0
// An Fs whose files are byte vectors. Every call may come from any thread.
#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "ballast/error.h"
#include "ballast/io.h"
#include "io/names.h"

namespace ballast::io {
namespace {

using Bytes = std::vector<std::byte>;

/// One file. Sources share its bytes; the first write after one was taken makes a copy.
struct Node {
    std::mutex mutex;
    std::shared_ptr<Bytes> bytes = std::make_shared<Bytes>();
    bool shared = false;
    bool locked = false;  ///< a File writes it
    std::uint32_t mode = 0644;
    std::uint64_t inode = 0;

    std::shared_ptr<const Bytes> snapshot() {
        const std::lock_guard guard(mutex);
        shared = true;
        return bytes;
    }

    /// The bytes to change; the caller holds the mutex.
    Bytes& own() {
        if (shared) bytes = std::make_shared<Bytes>(*bytes);
        shared = false;
        return *bytes;
    }
};

class MemoryFile final : public File {
public:
    MemoryFile(std::shared_ptr<Node> node, std::string name, std::string path)
        : node_(std::move(node)), name_(std::move(name)), path_(std::move(path)) {}
    ~MemoryFile() override {
        const std::lock_guard guard(node_->mutex);
        node_->locked = false;
    }

    const std::string& name() const noexcept override { return name_; }
    const std::string& path() const noexcept override { return path_; }
    void sync() override {}
    void close() override {}

    void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
        const std::lock_guard guard(node_->mutex);
        Bytes& own = node_->own();
        const std::uint64_t end = offset + bytes.size();
        if (end < offset)
            throw Error(ErrorCode::no_space, "the file would get too large").in(path_).at(offset);
        if (end > own.size()) grow(own, end);
        if (!bytes.empty()) std::memcpy(own.data() + offset, bytes.data(), bytes.size());
    }

    void resize(std::uint64_t size) override {
        const std::lock_guard guard(node_->mutex);
        grow(node_->own(), size);
    }

private:
    void grow(Bytes& bytes, std::uint64_t size) const {
        if (size > bytes.max_size())
            throw Error(ErrorCode::no_space, "the file would get too large").in(path_);
        // Doubling keeps many small appends from copying the file each time.
        if (size > bytes.capacity()) bytes.reserve(std::max<std::uint64_t>(size, bytes.capacity() * 2));
        bytes.resize(size);
    }

    std::shared_ptr<Node> node_;
    std::string name_;
    std::string path_;
};

class MemoryFs final : public Fs {
public:
    Traits traits() const noexcept override {
        return {.atomic_rename = true, .exchange = true, .durable = false};
    }
    std::string display(std::string_view name) const override { return "memory:" + std::string(name); }

    std::optional<FileStat> stat(std::string_view name) const override {
        const std::lock_guard guard(mutex_);
        if (name.empty()) return FileStat{FileKind::directory, 0, 0755, id(), 1};
        check_name(name, "memory:");
        if (folders_.contains(name)) return FileStat{FileKind::directory, 0, 0755, 0, 0};
        const auto found = files_.find(name);
        if (found == files_.end()) return std::nullopt;
        Node& node = *found->second;
        const std::lock_guard node_guard(node.mutex);
        return FileStat{FileKind::regular, node.bytes->size(), node.mode, id(), node.inode};
    }

    std::shared_ptr<const Source> open(std::string_view name) const override {
        check_name(name, "memory:");
        const std::lock_guard guard(mutex_);
        if (folders_.contains(name)) throw Error(ErrorCode::not_a_file, "is a directory").in(display(name));
        const auto found = files_.find(name);
        if (found == files_.end()) throw missing(name);
        auto bytes = found->second->snapshot();
        const std::span<const std::byte> view(*bytes);
        return memory_source(std::move(bytes), view, display(name));
    }

    std::vector<DirEntry> list(std::string_view folder) const override {
        const std::lock_guard guard(mutex_);
        require_folder(folder);
        std::vector<DirEntry> entries;
        for (const auto& [name, node] : files_)
            if (split_name(name).folder == folder)
                entries.push_back({std::string(split_name(name).leaf), FileKind::regular});
        for (const auto& name : folders_)
            if (split_name(name).folder == folder)
                entries.push_back({std::string(split_name(name).leaf), FileKind::directory});
        std::sort(entries.begin(), entries.end(),
                  [](const DirEntry& a, const DirEntry& b) { return a.name < b.name; });
        return entries;
    }

    std::unique_ptr<File> create_temporary(std::string_view target) override {
        check_name(target, "memory:");
        const std::lock_guard guard(mutex_);
        const SplitName split = split_name(target);
        require_folder(split.folder);
        std::string name;
        do
            name = join_name(split.folder, temporary_leaf(split.leaf));
        while (files_.contains(name));
        auto node = std::make_shared<Node>();
        node->locked = true;
        node->inode = ++last_inode_;
        files_.emplace(name, node);
        return std::make_unique<MemoryFile>(std::move(node), name, display(target));
    }

    void remove_stale_temporaries(std::string_view target) noexcept override {
        try {
            const std::lock_guard guard(mutex_);
            const SplitName split = split_name(target);
            std::erase_if(files_, [&](const auto& item) {
                const SplitName candidate = split_name(item.first);
                if (candidate.folder != split.folder || !is_temporary_of(candidate.leaf, split.leaf))
                    return false;
                const std::lock_guard node_guard(item.second->mutex);
                return !item.second->locked;
            });
        } catch (...) {  // out of memory: the litter stays
        }
    }

    void set_mode(std::string_view name, std::uint32_t mode) override {
        const std::lock_guard guard(mutex_);
        if (folders_.contains(name)) return;  // every folder has the same
        Node& node = *find(name)->second;
        const std::lock_guard node_guard(node.mutex);
        node.mode = mode & 0777U;
    }

    void rename(std::string_view from, std::string_view to, Replace replace) override {
        check_name(to, "memory:");
        const std::lock_guard guard(mutex_);
        require_folder(split_name(to).folder);
        if (folders_.contains(from)) return rename_folder(std::string(from), std::string(to), replace);
        const auto source = find(from);
        const auto target = files_.find(to);
        if (replace == Replace::exchange) {
            if (target == files_.end()) throw missing(to);
            std::swap(source->second, target->second);
            return;
        }
        if (folders_.contains(to) || (replace == Replace::never && target != files_.end()))
            throw Error(ErrorCode::exists, "cannot rename: the name is taken").in(display(to));
        auto node = source->second;
        files_.erase(source);
        files_.insert_or_assign(std::string(to), std::move(node));
    }

    void remove(std::string_view name) override {
        const std::lock_guard guard(mutex_);
        files_.erase(find(name));
    }

    void make_directory(std::string_view name) override {
        check_name(name, "memory:");
        const std::lock_guard guard(mutex_);
        require_folder(split_name(name).folder);
        if (files_.contains(name) || !folders_.emplace(name).second)
            throw Error(ErrorCode::exists, "cannot create: the name is taken").in(display(name));
    }

    void remove_directory(std::string_view name) override {
        const std::lock_guard guard(mutex_);
        const auto found = folders_.find(name);
        if (found == folders_.end()) throw missing(name);
        const std::string below = std::string(name) + "/";
        const auto file = files_.lower_bound(below);
        const auto folder = folders_.lower_bound(below);
        if ((file != files_.end() && file->first.starts_with(below)) ||
            (folder != folders_.end() && folder->starts_with(below)))
            throw Error(ErrorCode::write_failed, "cannot remove: the folder is not empty").in(display(name));
        folders_.erase(found);
    }

    void sync_directory(std::string_view folder) override {
        const std::lock_guard guard(mutex_);
        require_folder(folder);
    }

private:
    using Files = std::map<std::string, std::shared_ptr<Node>, std::less<>>;

    std::uint64_t id() const noexcept { return reinterpret_cast<std::uintptr_t>(this); }
    Error missing(std::string_view name) const {
        return Error(ErrorCode::not_found, "no such file").in(display(name)).hint("check the name");
    }
    Files::iterator find(std::string_view name) {
        const auto found = files_.find(name);
        if (found == files_.end()) throw missing(name);
        return found;
    }
    void require_folder(std::string_view folder) const {
        if (!folder.empty() && !folders_.contains(folder)) throw missing(folder);
    }

    void rename_folder(const std::string& from, const std::string& to, Replace replace) {
        const std::string aside = "\x01";  // a name nobody has: every other one is checked
        if (replace == Replace::exchange) {
            if (!folders_.contains(to)) throw missing(to);
            move_folder(to, aside);
        } else if (folders_.contains(to) || files_.contains(to)) {
            throw Error(ErrorCode::exists, "cannot rename: the name is taken").in(display(to));
        }
        move_folder(from, to);
        if (replace == Replace::exchange) move_folder(aside, from);
    }

    void move_folder(const std::string& from, const std::string& to) {
        const std::string below = from + "/";
        std::vector<std::pair<std::string, std::shared_ptr<Node>>> files;
        std::vector<std::string> folders;
        for (const auto& [name, node] : files_)
            if (name.starts_with(below)) files.emplace_back(name, node);
        for (const std::string& name : folders_)
            if (name == from || name.starts_with(below)) folders.push_back(name);
        for (const auto& [name, node] : files) {
            files_.erase(name);
            files_.emplace(to + name.substr(from.size()), node);
        }
        for (const std::string& name : folders) {
            folders_.erase(name);
            folders_.insert(to + name.substr(from.size()));
        }
    }

    mutable std::mutex mutex_;
    Files files_;
    std::set<std::string, std::less<>> folders_;
    std::uint64_t last_inode_ = 1;
};

}  // namespace

std::shared_ptr<Fs> memory() {
    return std::make_shared<MemoryFs>();
}

}  // namespace ballast::io
