// SPDX-License-Identifier: Apache-2.0
// Sources that are not files of their own: memory and windows.
#include <cstring>
#include <string>
#include <utility>

#include "ballast/error.h"
#include "ballast/io.h"
#include "io/range.h"

namespace ballast::io {

std::shared_ptr<const std::byte> Source::map(std::uint64_t /*offset*/, std::uint64_t /*length*/) const {
    return nullptr;
}

void check_range(const Source& source, std::uint64_t offset, std::uint64_t length) {
    if (offset <= source.size() && length <= source.size() - offset) return;
    throw Error(ErrorCode::truncated, "the file has " + std::to_string(source.size()) + " bytes where " +
                                          std::to_string(length) + " were expected from the offset on")
        .in(source.path())
        .at(offset)
        .hint("the file is incomplete: get it again from where it came from");
}

namespace {

class MemorySource final : public Source {
public:
    MemorySource(std::shared_ptr<const void> owner, std::span<const std::byte> bytes, std::string path)
        : owner_(std::move(owner)), bytes_(bytes), path_(std::move(path)) {}

    std::uint64_t size() const noexcept override { return bytes_.size(); }
    const std::string& path() const noexcept override { return path_; }

    void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
        check_range(*this, offset, out.size());
        if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
    }

    std::shared_ptr<const std::byte> map(std::uint64_t offset, std::uint64_t length) const override {
        check_range(*this, offset, length);
        return {owner_, bytes_.data() + offset};
    }

private:
    std::shared_ptr<const void> owner_;
    std::span<const std::byte> bytes_;
    std::string path_;
};

class WindowSource final : public Source {
public:
    WindowSource(std::shared_ptr<const Source> source, std::uint64_t offset, std::uint64_t length,
                 std::string path)
        : source_(std::move(source)), offset_(offset), length_(length), path_(std::move(path)) {
        check_range(*source_, offset_, length_);
    }

    std::uint64_t size() const noexcept override { return length_; }
    const std::string& path() const noexcept override { return path_; }
    int native_handle() const noexcept override { return source_->native_handle(); }
    std::uint64_t native_offset() const noexcept override { return source_->native_offset() + offset_; }

    void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
        check_range(*this, offset, out.size());
        source_->read_at(offset_ + offset, out);
    }

    std::shared_ptr<const std::byte> map(std::uint64_t offset, std::uint64_t length) const override {
        check_range(*this, offset, length);
        return source_->map(offset_ + offset, length);
    }

private:
    std::shared_ptr<const Source> source_;
    std::uint64_t offset_;
    std::uint64_t length_;
    std::string path_;
};

}  // namespace

std::shared_ptr<const Source> memory_source(std::shared_ptr<const void> owner,
                                            std::span<const std::byte> bytes, std::string path) {
    return std::make_shared<MemorySource>(std::move(owner), bytes, std::move(path));
}

std::shared_ptr<const Source> window(std::shared_ptr<const Source> source, std::uint64_t offset,
                                     std::uint64_t length, std::string path) {
    return std::make_shared<WindowSource>(std::move(source), offset, length, std::move(path));
}

}  // namespace ballast::io
