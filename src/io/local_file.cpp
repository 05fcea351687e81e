// SPDX-License-Identifier: Apache-2.0
// Reads and writes of open local files.
#include "io/local_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <limits>

#include "ballast/error.h"
#include "io/os_error.h"
#include "io/range.h"

namespace ballast::io {
namespace {

class LocalSource final : public Source {
public:
    LocalSource(Descriptor fd, std::uint64_t size, std::string path)
        : fd_(std::move(fd)), size_(size), path_(std::move(path)) {}

    std::uint64_t size() const noexcept override { return size_; }
    const std::string& path() const noexcept override { return path_; }
    int native_handle() const noexcept override { return fd_.get(); }

    void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
        check_range(*this, offset, out.size());
        const ssize_t got = read_fully(fd_.get(), offset, out);
        if (got < 0) throw os_error(Action::read, errno, path_).at(offset);
        if (static_cast<std::size_t>(got) == out.size()) return;
        throw Error(ErrorCode::truncated, "the file became shorter while it was read")
            .in(path_)
            .at(offset + static_cast<std::uint64_t>(got))
            .hint("something else is writing this file: wait until it is done");
    }

    std::shared_ptr<const std::byte> map(std::uint64_t offset, std::uint64_t length) const override;

private:
    Descriptor fd_;
    std::uint64_t size_;
    std::string path_;
};

std::shared_ptr<const std::byte> LocalSource::map(std::uint64_t offset, std::uint64_t length) const {
    check_range(*this, offset, length);
    static constexpr std::byte nothing{};
    if (length == 0) return {std::shared_ptr<const void>(), &nothing};
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    const std::uint64_t skip = offset % page;
    if (length > std::numeric_limits<std::size_t>::max() - skip) return nullptr;
    const std::size_t mapped = static_cast<std::size_t>(length + skip);
    void* const start =
        ::mmap(nullptr, mapped, PROT_READ, MAP_PRIVATE, fd_.get(), static_cast<off_t>(offset - skip));
    if (start == MAP_FAILED) throw os_error(Action::read, errno, path_).at(offset);
    std::shared_ptr<const void> owner(start,
                                      [mapped](const void* p) { ::munmap(const_cast<void*>(p), mapped); });
    return {owner, static_cast<const std::byte*>(start) + skip};
}

}  // namespace

std::shared_ptr<const Source> make_local_source(Descriptor fd, std::string path) {
    struct stat st {};
    if (::fstat(fd.get(), &st) != 0) throw os_error(Action::open, errno, path);
    if (!S_ISREG(st.st_mode)) {
        throw Error(ErrorCode::not_a_file, S_ISDIR(st.st_mode) ? "is a directory" : "is not a regular file")
            .in(path)
            .hint("give a regular file");
    }
    // O_NONBLOCK served its purpose (a FIFO must not block the open); reads shall wait for the disk again.
    const int flags = ::fcntl(fd.get(), F_GETFL);
    if (flags != -1) ::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK);
    return std::make_shared<LocalSource>(std::move(fd), static_cast<std::uint64_t>(st.st_size),
                                         std::move(path));
}

void LocalFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
    if (!write_fully(fd_.get(), offset, bytes)) throw os_error(Action::write, errno, path_).at(offset);
}

void LocalFile::resize(std::uint64_t size) {
    if (retry([&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size)); }) != 0)
        throw os_error(Action::write, errno, path_).at(size);
}

// A failed fsync is never repeated: the kernel has dropped the pages by then and would report success.
void LocalFile::sync() {
    if (::fsync(fd_.get()) != 0) throw os_error(Action::sync, errno, path_);
}

// The descriptor is gone whatever close() says, so it is not called again after EINTR.
void LocalFile::close() {
    if (fd_ && ::close(fd_.release()) != 0 && errno != EINTR) throw os_error(Action::close, errno, path_);
}

}  // namespace ballast::io
