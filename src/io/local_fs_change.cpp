// SPDX-License-Identifier: Apache-2.0
// The changing half of LocalFs: temporaries, renames, removals, modes, folder syncs.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdio>

#include "ballast/error.h"
#include "io/beneath.h"
#include "io/local_file.h"
#include "io/local_fs.h"
#include "io/local_place.h"
#include "io/names.h"
#include "io/os_error.h"

namespace ballast::io {
namespace {

std::size_t name_max_of(int folder) noexcept {
    const long limit = ::fpathconf(folder, _PC_NAME_MAX);
    return limit > 0 ? static_cast<std::size_t>(limit) : default_name_max;
}

int rename_with_flags(int from_at, const char* from, int to_at, const char* to, unsigned flags) noexcept {
    return static_cast<int>(::syscall(SYS_renameat2, from_at, from, to_at, to, flags));
}

// What the kernel or the file system says when it does not know a rename flag.
bool means_no_such_flag(int error_number) noexcept {
    return error_number == EINVAL || error_number == ENOSYS || error_number == EOPNOTSUPP;
}

/// Rename that never replaces, without renameat2: a second link fails when the name is taken, atomically.
int rename_by_link(int from_at, const char* from, int to_at, const char* to) noexcept {
    if (::linkat(from_at, from, to_at, to, 0) == 0) return ::unlinkat(from_at, from, 0);
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK) return -1;
    // No hard links either (FAT, some network mounts), or a folder: look, then rename.
    struct stat st {};
    if (::fstatat(to_at, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return -1;
    }
    return errno == ENOENT ? ::renameat(from_at, from, to_at, to) : -1;
}

/// Network servers may carry a rename out, lose the answer and say ENOENT to the repetition.
bool happened_after_all(int to_at, const char* to, const struct stat& moved) noexcept {
    struct stat now {};
    return ::fstatat(to_at, to, &now, AT_SYMLINK_NOFOLLOW) == 0 && now.st_ino == moved.st_ino &&
           now.st_dev == moved.st_dev;
}

/// Locks and checks that nobody removed the file between its creation and the lock. File systems without
/// locks count as locked: there nobody can take the lock to remove it either.
bool lock_and_still_there(int fd) noexcept {
    if (retry([&] { return ::flock(fd, LOCK_EX); }) != 0) return true;
    struct stat st {};
    return ::fstat(fd, &st) != 0 || st.st_nlink > 0;
}

/// Removes one left-over if no living save holds its lock.
void remove_if_abandoned(int at, const char* leaf) noexcept {
    const Descriptor fd(::openat(at, leaf, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    struct stat opened {
    }, named{};
    if (!fd || ::fstat(fd.get(), &opened) != 0 || !S_ISREG(opened.st_mode)) return;
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return;
    if (::fstatat(at, leaf, &named, AT_SYMLINK_NOFOLLOW) != 0) return;
    if (named.st_ino == opened.st_ino && named.st_dev == opened.st_dev) ::unlinkat(at, leaf, 0);
}

}  // namespace

std::unique_ptr<File> LocalFs::create_temporary(std::string_view target) {
    const Place beside = place(target, true);
    // A file that replaces another is private until it gets the other's mode; a new one has what umask
    // leaves.
    struct stat old {};
    const bool replaces = ::fstatat(beside.at, beside.leaf.c_str(), &old, AT_SYMLINK_NOFOLLOW) == 0;
    const mode_t mode = replaces ? 0600 : 0666;
    const std::size_t name_max = name_max_of(beside.at);
    for (int attempt = 0; attempt < 100; ++attempt) {
        const std::string leaf = temporary_leaf(beside.leaf, name_max);
        Descriptor fd(retry([&] {
            return ::openat(beside.at, leaf.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                            mode);
        }));
        if (!fd && errno == EEXIST) continue;
        if (!fd) throw os_error(Action::create, errno, display(target));
        if (!lock_and_still_there(fd.get())) continue;
        const std::string name = join_name(split_name(target).folder, leaf);
        Descriptor lock(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
        if (!lock) {
            const int failure = errno;
            ::unlinkat(beside.at, leaf.c_str(), 0);
            throw os_error(Action::create, failure, display(target));
        }
        // Messages speak of the file the user named, not of its temporary.
        return std::make_unique<LocalFile>(std::move(fd), std::move(lock), name, display(target));
    }
    throw os_error(Action::create, EEXIST, display(target));
}

void LocalFs::remove_stale_temporaries(std::string_view target) noexcept {
    try {
        const SplitName split = split_name(target);
        const Place beside = place(target, true);
        const std::size_t name_max = name_max_of(beside.at);
        for (const DirEntry& entry : list(split.folder))
            if (entry.kind == FileKind::regular && is_temporary_of(entry.name, split.leaf, name_max))
                remove_if_abandoned(beside.at, entry.name.c_str());
    } catch (...) {  // litter that cannot be looked at stays; the save itself will say what is wrong
    }
}

void LocalFs::set_mode(std::string_view name, std::uint32_t mode) {
    const Place where = place(name, true);
    if (::fchmodat(where.at, where.leaf.c_str(), mode & 0777U, 0) != 0)
        throw os_error(Action::set_mode, errno, display(name));
}

void LocalFs::rename(std::string_view from, std::string_view to, Replace replace) {
    const Place source = place(from, true);
    const Place target = place(to, true);
    const char* const old_leaf = source.leaf.c_str();
    const char* const new_leaf = target.leaf.c_str();
    struct stat moved {};
    if (::fstatat(source.at, old_leaf, &moved, AT_SYMLINK_NOFOLLOW) != 0)
        throw os_error(Action::rename, errno, display(from));
    int done = -1;
    switch (replace) {
        case Replace::always:
            done = ::renameat(source.at, old_leaf, target.at, new_leaf);
            break;
        case Replace::never:
            done = rename_with_flags(source.at, old_leaf, target.at, new_leaf, RENAME_NOREPLACE);
            if (done != 0 && means_no_such_flag(errno))
                done = rename_by_link(source.at, old_leaf, target.at, new_leaf);
            break;
        case Replace::exchange:
            done = rename_with_flags(source.at, old_leaf, target.at, new_leaf, RENAME_EXCHANGE);
            if (done != 0 && means_no_such_flag(errno))
                throw Error(ErrorCode::not_atomic, "the file system cannot exchange two names in one step")
                    .in(display(to))
                    .hint("choose a name that is not in use");
            break;
    }
    if (done == 0) return;
    const int failure = errno;
    if (failure == ENOENT && replace != Replace::exchange && happened_after_all(target.at, new_leaf, moved))
        return;
    throw os_error(Action::rename, failure, display(to));
}

void LocalFs::remove(std::string_view name) {
    const Place where = place(name, true);
    if (::unlinkat(where.at, where.leaf.c_str(), 0) != 0)
        throw os_error(Action::remove, errno, display(name));
}

void LocalFs::make_directory(std::string_view name) {
    const Place where = place(name, true);
    if (::mkdirat(where.at, where.leaf.c_str(), 0777) != 0)
        throw os_error(Action::create, errno, display(name));
}

void LocalFs::remove_directory(std::string_view name) {
    const Place where = place(name, true);
    if (::unlinkat(where.at, where.leaf.c_str(), AT_REMOVEDIR) != 0)
        throw os_error(Action::remove, errno, display(name));
}

void LocalFs::sync_directory(std::string_view folder) {
    const Descriptor fd = open_folder(folder, O_RDONLY);
    if (!fd) throw os_error(Action::sync, errno, display(folder));
    // EINVAL, ENOTSUP: file systems on which a folder needs no syncing (or cannot be synced) say so this way.
    if (::fsync(fd.get()) != 0 && errno != EINVAL && errno != ENOTSUP)
        throw os_error(Action::sync, errno, display(folder));
}

}  // namespace ballast::io
