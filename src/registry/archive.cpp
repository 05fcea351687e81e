// SPDX-License-Identifier: Apache-2.0
// Archive: reading single tensors, and the open() façade.
#include "ballast/archive.h"

#include <algorithm>
#include <iterator>

#include "ballast/registry.h"
#include "core/result.h"
#include "filter/decode.h"

namespace ballast {
namespace {

Error wrong_dtype(const TensorInfo& tensor, DType expected, const Location& location) {
    return Error(ErrorCode::dtype_mismatch, "the tensor holds " + std::string(to_string(tensor.dtype)) +
                                                ", not " + std::string(to_string(expected)))
        .in(location.display())
        .tensor(tensor.stored_name)
        .hint("ask for the stored type, or convert the file with --dtype");
}

const Extent* plain_extent(const TensorInfo& tensor) {
    const auto* extent = std::get_if<Extent>(&tensor.storage.layout);
    return extent && extent->length == tensor.byte_count() && !tensor.storage.big_endian ? extent : nullptr;
}

}  // namespace

Archive::Archive(Location location, ArchiveContents contents)
    : location_(std::move(location)), contents_(std::move(contents)) {}

void Archive::add_warnings(std::vector<std::string> warnings) {
    contents_.warnings.insert(contents_.warnings.begin(), std::make_move_iterator(warnings.begin()),
                              std::make_move_iterator(warnings.end()));
}

void Archive::read(std::size_t position, std::span<std::byte> out) const {
    const TensorInfo& tensor = index().tensors()[position];
    if (out.size() != tensor.byte_count()) {
        throw Error(ErrorCode::invalid_argument, "the buffer has " + std::to_string(out.size()) +
                                                     " bytes, the tensor " +
                                                     std::to_string(tensor.byte_count()))
            .tensor(tensor.stored_name);
    }
    read_tensor(tensor, out);
}

Result<std::span<std::byte>> Archive::try_read(std::size_t position,
                                               std::span<std::byte> out) const noexcept {
    return catching<std::span<std::byte>>([&] {
        read(position, out);
        return out;
    });
}

Archive::Bytes Archive::bytes_of(std::string_view name, DType expected, std::size_t alignment,
                                 bool only_view) const {
    const TensorInfo& tensor = index().tensors()[index().find(name)];
    if (tensor.dtype != expected) throw wrong_dtype(tensor, expected, location_);
    const std::uint64_t size = tensor.byte_count();
    if (const Extent* extent = plain_extent(tensor)) {
        if (auto mapped = extent->source->map(extent->offset, extent->length)) {
            const auto address = reinterpret_cast<std::uintptr_t>(mapped.get());
            if (address % alignment == 0) {
                const std::byte* first = mapped.get();
                return {tensor.shape, std::move(mapped), {first, static_cast<std::size_t>(size)}, true};
            }
            if (only_view) {
                throw Error(ErrorCode::unaligned, "the tensor's bytes are not aligned for a view")
                    .in(location_.display())
                    .at(extent->offset)
                    .tensor(tensor.stored_name)
                    .hint("use get(), which copies where it must");
            }
        }
    }
    if (only_view) {
        throw Error(ErrorCode::not_contiguous, "the tensor is not stored in one piece of native bytes")
            .in(location_.display())
            .tensor(tensor.stored_name)
            .hint("use get(), which copies where it must");
    }
    // operator new aligns for every type DTypeOf knows.
    std::shared_ptr<std::byte[]> copy(new std::byte[std::max<std::uint64_t>(size, 1)]);
    const std::span<std::byte> bytes(copy.get(), static_cast<std::size_t>(size));
    read_tensor(tensor, bytes);
    return {tensor.shape, std::move(copy), bytes, false};
}

Result<Archive::Bytes> Archive::try_bytes_of(std::string_view name, DType expected,
                                             std::size_t alignment) const noexcept {
    return catching<Bytes>([&] { return bytes_of(name, expected, alignment, false); });
}

std::shared_ptr<Archive> open(const Location& location, const OpenOptions& options) {
    Probe probe(location, options);
    Registry::Detection detection = Registry::current().detect(probe);
    std::shared_ptr<Archive> archive = detection.format->open(probe);
    archive->add_warnings(std::move(detection.warnings));
    return archive;
}

std::shared_ptr<Archive> open(const std::filesystem::path& path, const OpenOptions& options) {
    return open(Location::for_reading(path), options);
}

Result<std::shared_ptr<Archive>> try_open(const std::filesystem::path& path,
                                          const OpenOptions& options) noexcept {
    return catching<std::shared_ptr<Archive>>([&] { return open(path, options); });
}

}  // namespace ballast
