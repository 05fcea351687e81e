// SPDX-License-Identifier: Apache-2.0
// The two kinds of open local files: LocalSource for reading, LocalFile (a locked temporary) for writing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "ballast/io.h"
#include "io/descriptor.h"

namespace ballast::io {

/// Takes an open descriptor. Throws not_a_file unless it is a regular file.
std::shared_ptr<const Source> make_local_source(Descriptor fd, std::string path);

/// A temporary being written. Two descriptors of one open file: closing the first reports what the system
/// kept back (quota, NFS), the second keeps the lock until the object goes, so that no other save takes the
/// closed but not yet renamed file for litter.
class LocalFile final : public File {
public:
    /// `lock` is a duplicate of `fd`; both locked.
    LocalFile(Descriptor fd, Descriptor lock, std::string name, std::string path)
        : fd_(std::move(fd)), lock_(std::move(lock)), name_(std::move(name)), path_(std::move(path)) {}

    const std::string& name() const noexcept override { return name_; }
    const std::string& path() const noexcept override { return path_; }
    int native_handle() const noexcept override { return fd_.get(); }
    void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override;
    void resize(std::uint64_t size) override;
    void sync() override;
    void close() override;

private:
    Descriptor fd_;
    Descriptor lock_;
    std::string name_;
    std::string path_;
};

}  // namespace ballast::io
