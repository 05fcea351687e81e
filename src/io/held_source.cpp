// SPDX-License-Identifier: Apache-2.0
// Computed bytes as a Source, see held_source.h.
#include "io/held_source.h"

#include <cstring>
#include <mutex>
#include <utility>

#include "io/range.h"

namespace ballast::io {
namespace {

class HeldSource final : public Source {
public:
    HeldSource(std::uint64_t size, std::string path, std::function<std::vector<std::byte>()> make,
               std::uint64_t unread)
        : size_(size), path_(std::move(path)), make_(std::move(make)), unread_(unread) {}

    std::uint64_t size() const noexcept override { return size_; }
    const std::string& path() const noexcept override { return path_; }

    void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
        check_range(*this, offset, out.size());
        if (out.empty()) return;
        const auto bytes = take(out.size());
        std::memcpy(out.data(), bytes->data() + offset, out.size());
    }

    std::shared_ptr<const std::byte> map(std::uint64_t offset, std::uint64_t length) const override {
        check_range(*this, offset, length);
        const auto bytes = take(length);
        return {bytes, bytes->data() + offset};
    }

private:
    using Bytes = std::shared_ptr<const std::vector<std::byte>>;

    Bytes take(std::uint64_t length) const {
        const std::lock_guard lock(mutex_);
        if (!bytes_) {
            bytes_ = std::make_shared<const std::vector<std::byte>>(make_());
            handed_out_ = 0;
        }
        Bytes bytes = bytes_;
        handed_out_ += length;
        if (handed_out_ + unread_ >= size_) bytes_.reset();
        return bytes;
    }

    std::uint64_t size_;
    std::string path_;
    std::function<std::vector<std::byte>()> make_;
    std::uint64_t unread_;
    mutable std::mutex mutex_;
    mutable Bytes bytes_;                   ///< null while nobody needs them
    mutable std::uint64_t handed_out_ = 0;  ///< of bytes_
};

}  // namespace

std::shared_ptr<const Source> held_source(std::uint64_t size, std::string path,
                                          std::function<std::vector<std::byte>()> make,
                                          std::uint64_t unread) {
    return std::make_shared<HeldSource>(size, std::move(path), std::move(make), unread);
}

}  // namespace ballast::io
