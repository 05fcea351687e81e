// SPDX-License-Identifier: Apache-2.0
// All access to storage: Source (positional reads), File (positional writes), Fs (a folder seen as names),
// Location.
//
// Formats never open files themselves. A file system is rooted: names are relative, `/` separates folders,
// `..`, absolute names and symbolic links that leave the root are refused (unsafe_name). Implementations: the
// local disk (local()), memory (memory()), and whatever a program derives from Fs. Threads: all of a Source
// and File::write_at may be called from any threads at once on one object; everything else from one thread at
// a time per object. Errors: ballast::Error with the path set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/export.h"

namespace ballast::io {

/// Immutable bytes with positional reads. Its size is fixed when it is opened.
class BALLAST_API Source {
public:
    virtual ~Source() = default;
    /// Its length in bytes.
    virtual std::uint64_t size() const noexcept = 0;
    /// Fills `out` with the bytes from `offset` on. Throws truncated (with the offset) when they are not all
    /// there.
    virtual void read_at(std::uint64_t offset, std::span<std::byte> out) const = 0;
    /// The path for messages.
    virtual const std::string& path() const noexcept = 0;
    /// A file descriptor for kernel copies, or -1; bytes start at native_offset() in it. Owned by the Source.
    virtual int native_handle() const noexcept { return -1; }
    /// Where this source begins in native_handle(), in bytes; 0 unless it is a window.
    virtual std::uint64_t native_offset() const noexcept { return 0; }
    /// The bytes as memory, kept alive by the returned pointer; null where the source cannot (the default).
    /// When the file is truncated by someone else while mapped, touching the bytes past its end kills the
    /// process (SIGBUS).
    virtual std::shared_ptr<const std::byte> map(std::uint64_t offset, std::uint64_t length) const;
};

/// A file being written. Destroying it closes it without error reporting: call close() where errors matter.
class BALLAST_API File {
public:
    virtual ~File() = default;
    /// Name below the Fs root.
    virtual const std::string& name() const noexcept = 0;
    /// The path for messages: of the target that the file is to become.
    virtual const std::string& path() const noexcept = 0;
    /// All of `bytes`, at `offset` from the file's start. Writing behind the end makes the file longer; what
    /// lies between reads as zeros. Errors: write_failed, no_space.
    virtual void write_at(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
    /// Sets the length in bytes; new bytes read as zeros.
    virtual void resize(std::uint64_t size) = 0;
    /// Makes the bytes survive power loss.
    virtual void sync() = 0;
    /// Ends the writing and reports what the system did not tell before. The file stays locked against
    /// Fs::remove_stale_temporaries() until the object is gone.
    virtual void close() = 0;
    /// A file descriptor for kernel copies into the file, or -1. Owned by the File.
    virtual int native_handle() const noexcept { return -1; }
};

/// A symbolic link is told as such and not followed; `other` are FIFOs, sockets and devices.
enum class FileKind : std::uint8_t { regular, directory, symlink, other };

/// What a file system knows of a name.
struct FileStat {
    FileKind kind = FileKind::regular;  ///< what it is
    std::uint64_t size = 0;             ///< bytes; of regular files only it means something
    std::uint32_t mode = 0;             ///< permission bits, 0 where the file system has none
    /// Together the identity of a file; both 0 where unknown.
    ///@{
    std::uint64_t device = 0, inode = 0;
    ///@}
    std::int64_t modified = 0;  ///< nanoseconds since 1970; 0 where unknown
};

/// One name in a folder.
struct DirEntry {
    std::string name;                   ///< without the folder
    FileKind kind = FileKind::regular;  ///< of the entry itself: links are not followed
};

/// What a rename does about the new name.
enum class Replace : std::uint8_t {
    never,     ///< fail with `exists` when the new name is taken
    always,    ///< replace atomically
    exchange,  ///< swap the two names atomically
};

/// A folder with all below it. Names are relative to it, with '/' between folders.
class BALLAST_API Fs {
public:
    /// What the file system promises. Without atomic_rename overwriting is refused unless the caller allows
    /// it.
    struct Traits {
        bool atomic_rename = true;  ///< Replace::always never shows a state between the old and the new file
        bool exchange = false;      ///< Replace::exchange works, for folders too; else it gives not_atomic
        bool durable = true;        ///< File::sync and sync_directory outlive power loss
    };

    virtual ~Fs() = default;
    /// Asked before anything is written.
    virtual Traits traits() const noexcept = 0;
    /// The name as a path for messages.
    virtual std::string display(std::string_view name) const = 0;
    /// nullopt when there is nothing of that name. Does not follow a symbolic link at the end.
    virtual std::optional<FileStat> stat(std::string_view name) const = 0;
    /// Opens a regular file; FIFOs, devices and directories give not_a_file without blocking.
    virtual std::shared_ptr<const Source> open(std::string_view name) const = 0;
    /// The entries of a folder below the root ("" = the root), sorted by name.
    virtual std::vector<DirEntry> list(std::string_view folder) const = 0;
    /// A new empty file beside `target` under a name of its own, created exclusively and locked until it is
    /// closed.
    virtual std::unique_ptr<File> create_temporary(std::string_view target) = 0;
    /// Removes what crashed saves to `target` left: temporaries whose lock can be taken. Never throws.
    virtual void remove_stale_temporaries(std::string_view target) noexcept = 0;
    /// Sets the permission bits (0777); does nothing where the file system has none.
    virtual void set_mode(std::string_view name, std::uint32_t mode) = 0;
    /// A file or a folder, within this file system. Errors: exists (Replace::never), not_atomic,
    /// write_failed.
    virtual void rename(std::string_view from, std::string_view to, Replace replace) = 0;
    /// A file; a symbolic link itself, not what it points at. Errors: not_found, write_failed.
    virtual void remove(std::string_view name) = 0;
    /// One folder, whose parent must be there. Errors: exists, not_found or write_failed without a parent.
    virtual void make_directory(std::string_view name) = 0;
    /// An empty folder. Errors: not_found, write_failed when it is not empty.
    virtual void remove_directory(std::string_view name) = 0;
    /// Makes renames and removals in a folder survive power loss.
    virtual void sync_directory(std::string_view folder) = 0;
};

/// The local disk rooted at an existing folder (its handle is held, so a later rename of the folder does not
/// matter). Errors: not_found, unreadable.
BALLAST_API std::shared_ptr<Fs> local(const std::filesystem::path& root);
/// An empty file system in memory: atomic, exchangeable, not durable. Sources taken from it stay valid when
/// it changes.
BALLAST_API std::shared_ptr<Fs> memory();
/// Bytes in memory as a Source; `owner` keeps them alive.
BALLAST_API std::shared_ptr<const Source> memory_source(std::shared_ptr<const void> owner,
                                                        std::span<const std::byte> bytes, std::string path);
/// A window of another source, e.g. a stored zip member; `path` is for messages. Errors: truncated when it
/// reaches beyond the source.
BALLAST_API std::shared_ptr<const Source> window(std::shared_ptr<const Source> source, std::uint64_t offset,
                                                 std::uint64_t length, std::string path);

}  // namespace ballast::io

namespace ballast {

/// Where a model lies or shall lie: a name in a file system. A value.
struct Location {
    /// prefix: no file of its own, but the beginning of several names (TensorFlow checkpoints:
    /// "<prefix>.index").
    enum class Kind : std::uint8_t { file, prefix, directory };

    std::shared_ptr<io::Fs> fs;  ///< never null where a Location is used
    std::string
        name;  ///< the file's name; the basename of a prefix (may be empty); empty for a directory (the root)
    Kind kind = Kind::file;  ///< as which it is read or written

    /// A local path. For reading, a symbolic link given by the user is followed; `dir/` and existing
    /// directories become directories; a path that does not exist but has "<path>.index" beside it becomes a
    /// prefix.
    BALLAST_API static Location for_reading(const std::filesystem::path& path);
    /// A local path for writing: the parent folder must exist (not_found otherwise). Nothing is created or
    /// followed.
    BALLAST_API static Location for_writing(const std::filesystem::path& path, Kind kind = Kind::file);
    /// The path for messages.
    BALLAST_API std::string display() const;
};

}  // namespace ballast
