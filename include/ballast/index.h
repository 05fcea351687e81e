// SPDX-License-Identifier: Apache-2.0
// Index: what a file holds, tensor by tensor, and where the stored bytes lie. Structure only; no tensor
// bytes.
//
// Ordered as the dialect orders it (legacy: layer_names x weight_names; Keras 3: config order, else natural
// sort of the stored path; safetensors: by offset). Immutable after building, so every const method may be
// called from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ballast/dtype.h"
#include "ballast/export.h"
#include "ballast/io.h"
#include "ballast/tensor.h"

namespace ballast {

/// What a tensor belongs to.
enum class Part : std::uint8_t { weight, optimizer, metric, loose };
BALLAST_API std::string_view to_string(Part part) noexcept;

/// Bytes in a source.
struct Extent {
    std::shared_ptr<const io::Source> source;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};

/// One filter of a chunk pipeline, in the order applied when writing. Ids are HDF5's registered ones.
struct Filter {
    static constexpr std::uint16_t deflate = 1, shuffle = 2, fletcher32 = 3, lzf = 32000, zstd = 32015;
    std::uint16_t id = 0;
    std::vector<std::uint32_t> values;
};

/// A stored chunk: encoded bytes and the filters skipped for it (bit i = filter i).
struct Chunk {
    std::uint64_t grid_index = 0;  ///< row-major position in the grid of chunks
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::uint32_t filter_mask = 0;
};

/// A tensor cut in equal chunks; edge chunks are stored full size. Chunks absent from the list read as
/// `fill`.
struct ChunkedLayout {
    std::shared_ptr<const io::Source> source;
    Shape chunk_shape;
    std::vector<Filter> filters;
    std::vector<Chunk> chunks;    ///< sorted by grid_index, unique
    std::vector<std::byte> fill;  ///< one element in stored byte order; empty = zeros
};

/// Bytes kept in memory (HDF5 compact data, tensors handed over by a program), row-major.
struct InlineBytes {
    std::shared_ptr<const void> owner;
    std::span<const std::byte> bytes;
};

/// Where and how a tensor is stored. An Extent of length 0 with `fill` elements is a tensor never written.
struct Storage {
    std::variant<Extent, std::shared_ptr<const ChunkedLayout>, InlineBytes> layout;
    bool big_endian = false;  ///< elements are stored big-endian; reading swaps them
};

/// One tensor of a file.
struct TensorInfo {
    std::string name;         ///< canonical: path from the root model, then the role (DESIGN §5)
    std::string stored_name;  ///< the container path without leading '/'
    Part part = Part::weight;
    DType dtype = DType::float32;
    Shape shape;
    std::uint64_t stored_bytes = 0;
    Storage storage;
    std::string alias_of;  ///< stored name of the tensor this is another name for; empty = none
    std::string layer;     ///< canonical path of the layer; empty for the root model's own and loose tensors
    std::string role;      ///< "kernel"; the stored key where the role is unknown

    std::uint64_t element_count() const { return shape.element_count(); }
    /// Size of the decoded bytes.
    std::uint64_t byte_count() const { return byte_size(dtype, shape.element_count()); }
};

/// Bytes of a file that are not tensors (assets, string tensors, saved_model.pb): carried along so none is
/// forgotten.
struct Blob {
    std::string name;
    std::variant<Extent, InlineBytes> bytes;
};

/// Shared, immutable reference to one tensor of an Index; keeps the Index alive.
using TensorRef = std::shared_ptr<const TensorInfo>;

class BALLAST_API Index : public std::enable_shared_from_this<Index> {
public:
    /// Canonical names that collide get "#2", "#3", … in order.
    static std::shared_ptr<const Index> make(std::vector<TensorInfo> tensors, std::vector<Blob> blobs = {});

    std::span<const TensorInfo> tensors() const noexcept { return tensors_; }
    std::span<const Blob> blobs() const noexcept { return blobs_; }
    std::size_t size() const noexcept { return tensors_.size(); }
    TensorRef ref(std::size_t position) const;
    /// By exact name: stored first, then canonical. name_not_found (with near names) or ambiguous_name.
    std::size_t find(std::string_view name) const;
    /// Positions whose stored or canonical name matches the glob (`*`, `**`, `?`, `[…]`), in order;
    /// name_not_found when nothing matches.
    std::vector<std::size_t> match(std::string_view glob) const;
    /// Decoded bytes of all tensors that are no aliases.
    std::uint64_t total_bytes() const;

private:
    Index() = default;
    std::vector<TensorInfo> tensors_;
    std::vector<Blob> blobs_;
};

/// `*` and `?` stop at '/', `**` does not; a pattern without '/' also matches the last component alone.
BALLAST_API bool glob_match(std::string_view pattern, std::string_view name) noexcept;

}  // namespace ballast
