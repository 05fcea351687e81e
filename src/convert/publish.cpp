// SPDX-License-Identifier: Apache-2.0
// The protocol that leaves the old state or the new one, never something between.
#include "convert/publish.h"

#include <algorithm>
#include <set>
#include <utility>

#include "ballast/error.h"
#include "io/names.h"

namespace ballast {
namespace {

Error taken(const std::string& path) {
    return Error(ErrorCode::exists, "the destination exists")
        .in(path)
        .hint("allow overwriting or choose another name");
}

/// Where discarded bytes go.
class Nowhere final : public io::File {
public:
    explicit Nowhere(std::string name) : name_(std::move(name)) {}
    const std::string& name() const noexcept override { return name_; }
    const std::string& path() const noexcept override { return name_; }
    void write_at(std::uint64_t, std::span<const std::byte>) override {}
    void resize(std::uint64_t) override {}
    void sync() override {}
    void close() override {}

private:
    std::string name_;
};

}  // namespace

Publication::Publication(std::shared_ptr<io::Fs> fs, const WriteOptions& options, std::string commit)
    : fs_(std::move(fs)), options_(options), commit_(std::move(commit)) {
    const bool folder = commit_.ends_with('/');
    if (folder) commit_.pop_back();
    decide(folder ? io::FileKind::directory : io::FileKind::regular);
    if (folder) stage_ = std::make_unique<FolderStage>(fs_, commit_, old_ ? old_->mode : 0);
}

Publication::~Publication() {
    if (!committed_) discard();
}

void Publication::decide(io::FileKind kind) {
    if (commit_.empty()) return;
    old_ = fs_->stat(commit_);
    const std::string path = fs_->display(commit_);
    if (!old_) {
        if (options_.overwrite == Overwrite::allow) replace_ = io::Replace::always;
        return;
    }
    if (old_->kind == io::FileKind::symlink)
        throw Error(ErrorCode::symlink_refused, "the destination is a symbolic link")
            .in(path)
            .hint("give the name of the file the link points at");
    if (old_->kind != kind)
        throw Error(ErrorCode::not_a_file, old_->kind == io::FileKind::directory
                                               ? "the destination is a directory"
                                           : kind == io::FileKind::directory
                                               ? "the destination is a file, and would become a directory"
                                               : "the destination is not a regular file")
            .in(path)
            .hint(kind == io::FileKind::directory ? "give another name" : "give the name of a file");
    if (options_.overwrite == Overwrite::refuse) throw taken(path);
    const io::Fs::Traits traits = fs_->traits();
    const bool atomic = kind == io::FileKind::directory ? traits.exchange : traits.atomic_rename;
    if (!atomic && !options_.allow_nonatomic)
        throw Error(ErrorCode::not_atomic, "the file system cannot replace a file in one step")
            .in(path)
            .hint("choose a new name, or allow replacing in several steps");
    if (options_.overwrite == Overwrite::ask && !(options_.ask && options_.ask(path))) throw taken(path);
    replace_ = io::Replace::always;
}

std::size_t Publication::add(const std::string& name) {
    const std::string final_name = stage_ ? stage_->staged(name) : name;
    if (stage_ && name.ends_with('/')) return add_discarded(final_name);  // a folder, which is there now
    for (const Member& member : members_)
        if (member.name == final_name)
            throw Error(ErrorCode::internal, "a plan names a file twice").in(fs_->display(name));
    if (stage_) {
        members_.push_back({final_name, fs_->create_temporary(final_name), false, false, false});
        return members_.size() - 1;
    }
    if (name != commit_ && fs_->stat(name)) throw taken(fs_->display(name));
    fs_->remove_stale_temporaries(name);
    members_.push_back({name, fs_->create_temporary(name), false, false, false});
    keep_mode(*members_.back().file);
    return members_.size() - 1;
}

std::size_t Publication::add_late(const std::string& name) {
    fs_->remove_stale_temporaries(name);
    members_.push_back({name, fs_->create_temporary(name), false, false, true});
    keep_mode(*members_.back().file);
    return members_.size() - 1;
}

std::size_t Publication::add_discarded(const std::string& name) {
    members_.push_back({name, std::make_unique<Nowhere>(name), false, true, false});
    return members_.size() - 1;
}

/// What replaces a private file is private from its first byte on; that holds for all members of a set.
void Publication::keep_mode(const io::File& file) {
    if (!old_ || old_->mode == 0) return;
    const auto now = fs_->stat(file.name());
    if (!now || now->mode != old_->mode) fs_->set_mode(file.name(), old_->mode);
}

std::vector<std::string> Publication::commit(const std::vector<std::string>& remove_after) {
    if (commit_.empty()) {
        if (!std::all_of(members_.begin(), members_.end(), [](const Member& m) { return m.discarded; }))
            throw Error(ErrorCode::internal, "a plan that stores files has no commit file");
        committed_ = true;
        return {};
    }
    for (Member& member : members_) {
        if (options_.durable) member.file->sync();
        member.file->close();
    }
    if (stage_) {
        commit_folder();
        return {};
    }
    name_members();
    committed_ = true;
    sync_parent();
    std::vector<std::string> left;
    place_late(left);
    for (std::string& name : remove_old(remove_after))
        left.push_back(std::move(name));
    return left;
}

void Publication::commit_folder() {
    for (Member& member : members_) {
        if (member.discarded) continue;
        fs_->rename(member.file->name(), member.name, io::Replace::never);
        member.renamed = true;
    }
    if (options_.durable) stage_->sync();
    stage_->publish(old_.has_value(), options_.allow_nonatomic);
    committed_ = true;
    sync_parent();
    stage_.reset();  // removes what lay there before
}

void Publication::sync_parent() {
    if (!options_.durable) return;
    try {
        sync_folders(true);
    } catch (const Error& error) {
        throw Error(error.code(),
                    "the new file is in place, but may not survive a power loss: " + error.message())
            .in(fs_->display(commit_))
            .hint("save again once the file system works");
    }
}

void Publication::place_late(std::vector<std::string>& failed) {
    for (Member& member : members_) {
        if (!member.late) continue;
        try {
            fs_->rename(member.file->name(), member.name, io::Replace::always);
        } catch (const Error&) {  // the set is complete without it
            failed.push_back(member.name);
        }
    }
}

void Publication::name_members() {
    Member* last = nullptr;
    for (Member& member : members_) {
        if (member.discarded || member.late) continue;
        if (member.name == commit_) {
            last = &member;
            continue;
        }
        fs_->rename(member.file->name(), member.name, io::Replace::never);
        member.renamed = true;
    }
    if (last == nullptr)
        throw Error(ErrorCode::internal, "a plan without its commit file").in(fs_->display(commit_));
    // The members' names must be on disk before the file that refers to them is.
    if (options_.durable && members_.size() > 1) sync_folders(false);
    fs_->rename(last->file->name(), commit_, replace_);
}

void Publication::sync_folders(bool commit_too) {
    std::set<std::string, std::less<>> folders;
    if (commit_too)
        folders.emplace(io::split_name(commit_).folder);
    else
        for (const Member& member : members_)
            if (member.renamed) folders.emplace(io::split_name(member.name).folder);
    for (const std::string& folder : folders)
        fs_->sync_directory(folder);
}

std::vector<std::string> Publication::remove_old(const std::vector<std::string>& names) {
    std::vector<std::string> left;
    for (const std::string& name : names) {
        const bool ours =
            std::any_of(members_.begin(), members_.end(), [&](const Member& m) { return m.name == name; });
        if (ours) continue;
        try {
            fs_->remove(name);
        } catch (const Error& error) {
            if (error.code() == ErrorCode::not_found)
                fs_->remove_stale_temporaries(name);
            else
                left.push_back(name);
        }
    }
    return left;
}

void Publication::discard() noexcept {
    for (Member& member : members_) {
        if (member.discarded) continue;
        try {
            // Removed before it is closed: while the lock is held nobody else looks at it.
            fs_->remove(member.renamed ? member.name : member.file->name());
        } catch (...) {  // nothing more can be done; the next save to this name tries again
        }
        member.file.reset();
    }
}

}  // namespace ballast
