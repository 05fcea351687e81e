// SPDX-License-Identifier: Apache-2.0
// A file system whose only file is an open descriptor, see fd.h.
#include <fcntl.h>
#include <sys/stat.h>

#include <string>
#include <utility>

#include "ballast/error.h"
#include "ballast/fd.h"
#include "io/descriptor.h"
#include "io/local_file.h"
#include "io/os_error.h"

namespace ballast {
namespace io {
namespace {

Descriptor duplicate(int fd, std::string_view path) {
    Descriptor copy(retry([fd] { return ::fcntl(fd, F_DUPFD_CLOEXEC, 0); }));
    if (copy) return copy;
    if (errno != EBADF) throw os_error(Action::open, errno, path);
    throw Error(ErrorCode::invalid_argument, "this is no open file descriptor").in(std::string(path));
}

class FdFs final : public Fs {
public:
    FdFs(Descriptor fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

    Traits traits() const noexcept override { return {false, false, true}; }
    std::string display(std::string_view name) const override { return std::string(name); }
    /// An empty file is none, so that it need not be overwritten.
    std::optional<FileStat> stat(std::string_view name) const override {
        const std::uint64_t length = size();
        if (name != name_ || length == 0) return std::nullopt;
        return FileStat{FileKind::regular, length};
    }
    std::shared_ptr<const Source> open(std::string_view name) const override {
        if (name == name_) return make_local_source(duplicate(fd_.get(), name_), name_);
        throw Error(ErrorCode::not_found, "there are no files beside a descriptor's").in(name_);
    }
    std::vector<DirEntry> list(std::string_view) const override { return {{name_, FileKind::regular}}; }

    std::unique_ptr<File> create_temporary(std::string_view target) override {
        if (target != name_)
            throw Error(ErrorCode::unsupported, "a descriptor holds one file, and this format writes several")
                .in(name_)
                .hint("save to a path, or in a format of one file");
        if (size() != 0)
            throw Error(ErrorCode::exists, "the file of the descriptor is not empty")
                .in(name_)
                .hint("truncate it first: it cannot be replaced in one step");
        return std::make_unique<LocalFile>(duplicate(fd_.get(), name_), Descriptor(), passing_name(), name_);
    }
    void remove_stale_temporaries(std::string_view) noexcept override {}
    void set_mode(std::string_view, std::uint32_t) override {}
    void rename(std::string_view from, std::string_view to, Replace) override {
        if (from != passing_name() || to != name_) refuse();
    }
    /// What was written before an error.
    void remove(std::string_view name) override {
        if (name != passing_name() && name != name_) refuse();
        if (retry([this] { return ::ftruncate(fd_.get(), 0); }) != 0)
            throw os_error(Action::write, errno, name_);
    }
    void make_directory(std::string_view) override { refuse(); }
    void remove_directory(std::string_view) override { refuse(); }
    void sync_directory(std::string_view) override {}

private:
    std::uint64_t size() const {
        struct ::stat found {};
        if (::fstat(fd_.get(), &found) != 0) throw os_error(Action::read, errno, name_);
        return static_cast<std::uint64_t>(found.st_size);
    }
    std::string passing_name() const { return name_ + ".being-written"; }
    [[noreturn]] void refuse() const {
        throw Error(ErrorCode::unsupported, "a descriptor holds one file and has no folder").in(name_);
    }

    Descriptor fd_;
    std::string name_;
};

}  // namespace
}  // namespace io

Location fd_location(int fd, std::string_view name) {
    if (name.empty() || name.find('/') != name.npos || name.find('\0') != name.npos)
        throw Error(ErrorCode::invalid_argument, "the name of a descriptor's file is empty or a path")
            .hint("give a name such as net.weights.h5");
    io::Descriptor copy = io::duplicate(fd, name);
    struct ::stat found {};
    if (::fstat(copy.get(), &found) != 0) throw io::os_error(io::Action::open, errno, name);
    if (!S_ISREG(found.st_mode))
        throw Error(ErrorCode::not_a_file, "the descriptor is not that of a regular file")
            .in(std::string(name))
            .hint("pipes and sockets cannot be read at any place: copy them to a file first");
    if ((::fcntl(copy.get(), F_GETFL) & O_APPEND) != 0)
        throw Error(ErrorCode::invalid_argument, "the descriptor appends whatever is written")
            .in(std::string(name))
            .hint("open the file without O_APPEND");
    return {std::make_shared<io::FdFs>(std::move(copy), std::string(name)), std::string(name),
            Location::Kind::file};
}

}  // namespace ballast
