// SPDX-License-Identifier: Apache-2.0
// Publication: brings a set of new files into being with one commit point, or leaves everything as it was.
//
// Files are written as locked temporaries beside their final names. commit() makes them durable, gives the
// members of the set their names (never replacing anything), and renames the commit file last. Destroyed
// without a commit, it removes all it made. A commit name that ends in `/` is a folder: all files lie below
// it, and it is put in place whole. One thread; the files it hands out may be written by any.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/io.h"
#include "ballast/options.h"
#include "convert/folder_stage.h"

namespace ballast {

class Publication {
public:
    /// Decides, before anything is written, whether the commit file may be put in place. Errors: exists,
    /// symlink_refused, not_a_file, not_atomic. An empty `commit` is for plans that store nothing.
    Publication(std::shared_ptr<io::Fs> fs, const WriteOptions& options, std::string commit);
    ~Publication();
    Publication(const Publication&) = delete;
    Publication& operator=(const Publication&) = delete;

    /// Starts a new file (a name that ends in `/`: makes an empty folder, in a set that is one); its
    /// position. Left-overs of that name are removed first. Errors: exists for a name other than the commit
    /// file's that is taken, invalid_argument for one that was added before, and what creating throws.
    std::size_t add(const std::string& name);
    /// Starts a file that commit() puts in place last, replacing what has its name.
    std::size_t add_late(const std::string& name);
    /// Starts a file that swallows what is written to it; nothing is created.
    std::size_t add_discarded(const std::string& name);
    std::size_t size() const noexcept { return members_.size(); }
    io::File& file(std::size_t position) noexcept { return *members_[position].file; }

    /// Publishes. `remove_after` names old members to remove then; returns those that could not be removed
    /// or, of late files, replaced, which does not undo the success. When only the last sync of the folder
    /// fails, the error says that the new file is in place.
    std::vector<std::string> commit(const std::vector<std::string>& remove_after);

private:
    struct Member {
        std::string name;
        std::unique_ptr<io::File> file;
        bool renamed = false;
        bool discarded = false;
        bool late = false;  ///< takes its name after the commit
    };

    void decide(io::FileKind kind);
    void keep_mode(const io::File& file);
    void commit_folder();
    void sync_parent();
    void name_members();
    void sync_folders(bool commit_too);
    void place_late(std::vector<std::string>& failed);
    std::vector<std::string> remove_old(const std::vector<std::string>& names);
    void discard() noexcept;

    std::shared_ptr<io::Fs> fs_;
    const WriteOptions& options_;
    std::string commit_;
    std::optional<io::FileStat> old_;
    io::Replace replace_ = io::Replace::never;
    std::unique_ptr<FolderStage> stage_;  ///< where the set is a folder
    std::vector<Member> members_;
    bool committed_ = false;
};

}  // namespace ballast
