// SPDX-License-Identifier: Apache-2.0
// Looking at and opening files below a local folder; changing names is in local_fs_change.cpp.
#include "io/local_fs.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/filesystem/operations.hpp>
#include <utility>

#include "ballast/error.h"
#include "io/beneath.h"
#include "io/local_file.h"
#include "io/local_place.h"
#include "io/names.h"
#include "io/os_error.h"

namespace ballast::io {
namespace {

FileKind kind_of_mode(mode_t mode) noexcept {
    if (S_ISREG(mode)) return FileKind::regular;
    if (S_ISDIR(mode)) return FileKind::directory;
    return S_ISLNK(mode) ? FileKind::symlink : FileKind::other;
}

FileKind kind_of_entry(const boost::filesystem::directory_entry& entry) {
    boost::system::error_code ignored;
    switch (entry.symlink_status(ignored).type()) {
        case boost::filesystem::regular_file:
            return FileKind::regular;
        case boost::filesystem::directory_file:
            return FileKind::directory;
        case boost::filesystem::symlink_file:
            return FileKind::symlink;
        default:
            return FileKind::other;
    }
}

Descriptor open_root(const std::string& path) {
    Descriptor fd(retry([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    // A folder that may be searched but not listed still gives access to names one knows.
    if (!fd && errno == EACCES)
        fd = Descriptor(retry([&] { return ::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }));
    if (!fd) throw os_error(Action::open, errno, path);
    return fd;
}

}  // namespace

LocalFs::LocalFs(const std::filesystem::path& root, std::string followed)
    : root_path_(root.empty() ? "." : root.string()),
      followed_(std::move(followed)),
      root_(open_root(root_path_)) {}

std::string LocalFs::display(std::string_view name) const {
    if (name.empty()) return root_path_;
    if (root_path_ == ".") return std::string(name);
    return root_path_ + (root_path_.ends_with('/') ? "" : "/") + std::string(name);
}

Descriptor LocalFs::open_folder(std::string_view folder, int flags) const {
    if (!folder.empty()) check_name(folder, root_path_);
    Descriptor fd = open_beneath(root_.get(), std::string(folder), flags | O_DIRECTORY);
    return fd;
}

LocalFs::Place LocalFs::place(std::string_view name, bool writing) const {
    check_name(name, root_path_);
    const SplitName split = split_name(name);
    Place result{{}, root_.get(), std::string(split.leaf)};
    if (split.folder.empty()) return result;
    result.folder = open_folder(split.folder, O_PATH);
    if (!result.folder) throw os_error(writing ? Action::create : Action::open, errno, display(split.folder));
    result.at = result.folder.get();
    return result;
}

std::optional<FileStat> LocalFs::stat(std::string_view name) const {
    struct stat st {};
    if (name.empty()) {
        if (::fstat(root_.get(), &st) != 0) throw os_error(Action::open, errno, root_path_);
    } else {
        check_name(name, root_path_);
        const SplitName split = split_name(name);
        Descriptor folder = open_folder(split.folder, O_PATH);
        const std::string leaf(split.leaf);
        const int flags = !followed_.empty() && name == followed_ ? 0 : AT_SYMLINK_NOFOLLOW;
        if (!folder || ::fstatat(folder.get(), leaf.c_str(), &st, flags) != 0) {
            if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
            throw os_error(Action::open, errno, display(name));
        }
    }
    constexpr std::int64_t second = 1'000'000'000;
    return FileStat{kind_of_mode(st.st_mode),
                    static_cast<std::uint64_t>(st.st_size),
                    st.st_mode & 0777U,
                    st.st_dev,
                    st.st_ino,
                    st.st_mtim.tv_sec * second + st.st_mtim.tv_nsec};
}

std::shared_ptr<const Source> LocalFs::open(std::string_view name) const {
    check_name(name, root_path_);
    const std::string text(name);
    // O_NONBLOCK: a FIFO without a writer must not block the open.
    constexpr int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
    Descriptor fd =
        !followed_.empty() && name == followed_
            ? Descriptor(retry([&] { return ::openat(root_.get(), text.c_str(), flags | O_CLOEXEC); }))
            : open_beneath(root_.get(), text, flags);
    if (!fd) throw os_error(Action::open, errno, display(name));
    return make_local_source(std::move(fd), display(name));
}

std::vector<DirEntry> LocalFs::list(std::string_view folder) const {
    const Descriptor fd = open_folder(folder, O_RDONLY);
    if (!fd) throw os_error(Action::list, errno, display(folder));
    // Through the descriptor, so that a folder renamed meanwhile is still the one listed; by path where /proc
    // is absent.
    boost::system::error_code failure;
    boost::filesystem::directory_iterator entry("/proc/self/fd/" + std::to_string(fd.get()), failure);
    if (failure) entry = boost::filesystem::directory_iterator(display(folder), failure);
    std::vector<DirEntry> entries;
    for (; !failure && entry != boost::filesystem::directory_iterator(); entry.increment(failure))
        entries.push_back({entry->path().filename().string(), kind_of_entry(*entry)});
    if (failure) throw os_error(Action::list, failure.value(), display(folder));
    std::sort(entries.begin(), entries.end(),
              [](const DirEntry& a, const DirEntry& b) { return a.name < b.name; });
    return entries;
}

std::shared_ptr<Fs> local(const std::filesystem::path& root) {
    return std::make_shared<LocalFs>(root, std::string());
}

}  // namespace ballast::io
