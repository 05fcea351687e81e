// SPDX-License-Identifier: Apache-2.0
// Making and publishing folders, see folder_stage.h.
#include "convert/folder_stage.h"

#include <algorithm>
#include <utility>

#include "ballast/error.h"
#include "io/names.h"

namespace ballast {
namespace {

/// What tells a stage from the file that locks it, and from what lay under the name before.
constexpr std::string_view stage_suffix = ".d", former_suffix = ".o";

/// Removes a folder and what is in it. Links are removed, never followed.
void remove_tree(io::Fs& fs, const std::string& top) {
    std::vector<std::string> folders = {top};
    for (std::size_t at = 0; at < folders.size(); ++at) {
        for (const io::DirEntry& entry : fs.list(folders[at])) {
            std::string name = io::join_name(folders[at], entry.name);
            if (entry.kind == io::FileKind::directory)
                folders.push_back(std::move(name));
            else
                fs.remove(name);
        }
    }
    for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder)
        fs.remove_directory(*folder);
}

void try_remove_tree(io::Fs& fs, const std::string& top) noexcept {
    try {
        if (fs.stat(top)) remove_tree(fs, top);
    } catch (...) {  // litter that cannot be removed stays until the next save to that name
    }
}

}  // namespace

FolderStage::FolderStage(std::shared_ptr<io::Fs> fs, std::string folder, std::uint32_t mode)
    : fs_(std::move(fs)), folder_(std::move(folder)) {
    remove_abandoned();
    lock_ = fs_->create_temporary(folder_);
    stage_ = lock_->name() + std::string(stage_suffix);
    try {
        fs_->make_directory(stage_);
        if (mode != 0) fs_->set_mode(stage_, mode);
    } catch (...) {
        try_remove_tree(*fs_, stage_);
        fs_->remove(lock_->name());
        throw;
    }
    folders_.push_back(stage_);
}

FolderStage::~FolderStage() {
    if (!empty_) try_remove_tree(*fs_, stage_);
    try {
        // Removed before it is closed: while the lock is held nobody else looks at it.
        fs_->remove(lock_->name());
    } catch (...) {  // the next save to that name tries again
    }
}

void FolderStage::remove_abandoned() {
    fs_->remove_stale_temporaries(folder_);
    const io::SplitName split = io::split_name(folder_);
    for (const io::DirEntry& entry : fs_->list(split.folder)) {
        const std::string_view name = entry.name;
        if (entry.kind != io::FileKind::directory ||
            !(name.ends_with(stage_suffix) || name.ends_with(former_suffix)))
            continue;
        const std::string_view lock = name.substr(0, name.size() - stage_suffix.size());
        if (!io::is_temporary_of(lock, split.leaf) || fs_->stat(io::join_name(split.folder, lock))) continue;
        // What lay there before a replacement in two steps is all there is when the second never came.
        if (name.ends_with(former_suffix) && !fs_->stat(folder_)) continue;
        try_remove_tree(*fs_, io::join_name(split.folder, name));
    }
}

std::string FolderStage::staged(const std::string& name) {
    if (!name.starts_with(folder_ + "/"))
        throw Error(ErrorCode::internal, "a plan names a file outside of its folder").in(fs_->display(name));
    const std::string on_stage = stage_ + name.substr(folder_.size());
    for (std::size_t slash = on_stage.find('/', stage_.size() + 1); slash != std::string::npos;
         slash = on_stage.find('/', slash + 1)) {
        std::string folder = on_stage.substr(0, slash);
        if (std::ranges::find(folders_, folder) != folders_.end()) continue;
        fs_->make_directory(folder);
        folders_.push_back(std::move(folder));
    }
    return on_stage;
}

void FolderStage::sync() {
    for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder)
        fs_->sync_directory(*folder);
}

void FolderStage::exchange_in_steps() {
    const std::string former = lock_->name() + std::string(former_suffix);
    fs_->rename(folder_, former, io::Replace::never);
    try {
        fs_->rename(stage_, folder_, io::Replace::never);
    } catch (...) {
        fs_->rename(former, folder_, io::Replace::never);
        throw;
    }
    stage_ = former;
}

void FolderStage::publish(bool old, bool allow_nonatomic) {
    if (!old) {
        fs_->rename(stage_, folder_, io::Replace::never);
        empty_ = true;
        return;
    }
    try {
        if (!fs_->traits().exchange)
            throw Error(ErrorCode::not_atomic, "the file system cannot exchange two folders in one step")
                .in(fs_->display(folder_))
                .hint("choose a new name, or allow replacing in several steps");
        fs_->rename(stage_, folder_, io::Replace::exchange);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::not_atomic || !allow_nonatomic) throw;
        exchange_in_steps();
    }
}

}  // namespace ballast
