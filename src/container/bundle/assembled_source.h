// SPDX-License-Identifier: Apache-2.0
// Tensors that are not stored as one run of packed elements, presented as if they were: cut into slices, or
// with one element of four bits a byte. Immutable; any thread may read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ballast/io.h"

namespace ballast::bundle {

/// One slice of a tensor.
struct TensorPart {
    std::vector<std::uint64_t> begin, extent;  ///< by dimension
    std::shared_ptr<const io::Source> source;
    std::uint64_t offset = 0;
};

/// Whether the parts cover a tensor of this shape, each element once. limit_exceeded where it is too much to
/// find out.
bool tiles(const std::vector<TensorPart>& parts, const std::vector<std::uint64_t>& shape);

/// A tensor out of parts that tile it.
class AssembledSource final : public io::Source {
public:
    AssembledSource(std::vector<TensorPart> parts, std::vector<std::uint64_t> shape, std::uint64_t element,
                    std::string path);
    std::uint64_t size() const noexcept override { return size_; }
    void read_at(std::uint64_t offset, std::span<std::byte> out) const override;
    const std::string& path() const noexcept override { return path_; }

private:
    /// A part in rows, each a run of bytes both in the part and in the tensor.
    struct Rows {
        TensorPart part;
        std::uint64_t run = 0;    ///< bytes a row
        std::uint64_t count = 0;  ///< rows
        std::size_t dims = 0;     ///< how many leading dimensions count the rows
    };
    std::uint64_t place(const Rows& rows, std::uint64_t row) const;
    void read_rows(const Rows& rows, std::uint64_t offset, std::span<std::byte> out) const;

    std::vector<Rows> parts_;
    std::vector<std::uint64_t> shape_, strides_;  ///< strides in bytes
    std::uint64_t size_ = 0;
    std::string path_;
};

/// Elements of four bits, stored one a byte in the low half, packed two a byte, the first in the low half.
class NibbleSource final : public io::Source {
public:
    NibbleSource(std::shared_ptr<const io::Source> source, std::uint64_t offset, std::uint64_t elements)
        : source_(std::move(source)), offset_(offset), elements_(elements) {}
    std::uint64_t size() const noexcept override { return elements_ / 2 + elements_ % 2; }
    void read_at(std::uint64_t offset, std::span<std::byte> out) const override;
    const std::string& path() const noexcept override { return source_->path(); }

private:
    std::shared_ptr<const io::Source> source_;
    std::uint64_t offset_, elements_;
};

}  // namespace ballast::bundle
