// SPDX-License-Identifier: Apache-2.0
// ScratchFile on memfd_create.
#include "hdf5lib/scratch_file.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "ballast/error.h"

namespace ballast::hdf5lib {
namespace {

Error failed(const char* what) {
    const ErrorCode code =
        errno == ENOMEM || errno == ENOSPC ? ErrorCode::out_of_memory : ErrorCode::write_failed;
    return Error(code,
                 std::string(what) + " a file in memory failed: " + std::generic_category().message(errno));
}

}  // namespace

ScratchFile::ScratchFile() : descriptor_(memfd_create("ballast-hdf5", MFD_CLOEXEC)) {
    if (descriptor_ < 0) throw failed("making");
}

ScratchFile::~ScratchFile() {
    if (descriptor_ >= 0) close(descriptor_);
}

ScratchFile::ScratchFile(ScratchFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

std::string ScratchFile::path() const {
    return "/proc/self/fd/" + std::to_string(descriptor_);
}

std::uint64_t ScratchFile::size() const {
    struct stat facts {};
    if (fstat(descriptor_, &facts) != 0) throw failed("measuring");
    return static_cast<std::uint64_t>(facts.st_size);
}

void ScratchFile::resize(std::uint64_t size) {
    if (ftruncate(descriptor_, static_cast<off_t>(size)) != 0) throw failed("sizing");
}

void ScratchFile::read_at(std::uint64_t offset, std::span<std::byte> out) const {
    while (!out.empty()) {
        const ssize_t count = pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw failed("reading");
        if (count == 0) throw Error(ErrorCode::truncated, "the bytes end here").at(offset);
        out = out.subspan(static_cast<std::size_t>(count));
        offset += static_cast<std::uint64_t>(count);
    }
}

void ScratchFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t count = pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) throw failed("writing");
        bytes = bytes.subspan(static_cast<std::size_t>(count));
        offset += static_cast<std::uint64_t>(count);
    }
}

}  // namespace ballast::hdf5lib
