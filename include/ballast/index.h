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

/// What a tensor belongs to. weight: of a layer; optimizer and metric: state of the training; loose: of no
/// layer.
enum class Part : std::uint8_t { weight, optimizer, metric, loose };
/// "weight", "optimizer", "metric", "loose". Static storage.
BALLAST_API std::string_view to_string(Part part) noexcept;

/// Bytes in a source.
struct Extent {
    std::shared_ptr<const io::Source> source;  ///< kept open by it; null = no bytes
    std::uint64_t offset = 0;                  ///< in bytes from the source's start
    std::uint64_t length = 0;                  ///< in bytes
};

/// One filter of a chunk pipeline, in the order applied when writing. Ids are HDF5's registered ones.
struct Filter {
    /// Those that Ballast knows: three of HDF5's own; lzf (h5py's) and zstd are registered plugins of it.
    ///@{
    static constexpr std::uint16_t deflate = 1, shuffle = 2, fletcher32 = 3, lzf = 32000, zstd = 32015;
    ///@}
    std::uint16_t id = 0;               ///< one of these, or another that reading refuses
    std::vector<std::uint32_t> values;  ///< parameters: deflate and zstd a level, shuffle the element's bytes
};

/// A stored chunk: encoded bytes and the filters skipped for it (bit i = filter i).
struct Chunk {
    std::uint64_t grid_index = 0;   ///< row-major position in the grid of chunks
    std::uint64_t offset = 0;       ///< in ChunkedLayout::source, in bytes
    std::uint64_t length = 0;       ///< encoded bytes
    std::uint32_t filter_mask = 0;  ///< bit i set = ChunkedLayout::filters[i] was not applied
};

/// A tensor cut in equal chunks; edge chunks are stored full size. Chunks absent from the list read as
/// `fill`.
struct ChunkedLayout {
    std::shared_ptr<const io::Source> source;  ///< of all chunks
    Shape chunk_shape;                         ///< as many dimensions as the tensor
    std::vector<Filter> filters;               ///< empty = chunks are stored plainly
    std::vector<Chunk> chunks;                 ///< sorted by grid_index, unique
    std::vector<std::byte> fill;               ///< one element in stored byte order; empty = zeros
};

/// Bytes kept in memory (HDF5 compact data, tensors handed over by a program), row-major.
struct InlineBytes {
    std::shared_ptr<const void> owner;  ///< keeps the bytes alive; null = the program does
    std::span<const std::byte> bytes;   ///< all of them
};

/// Where and how a tensor is stored.
struct Storage {
    /// An Extent of length 0 is a tensor never written: it reads as zeros. Where another value fills a tensor
    /// never written it is a ChunkedLayout without chunks.
    std::variant<Extent, std::shared_ptr<const ChunkedLayout>, InlineBytes> layout;
    bool big_endian = false;  ///< elements are stored big-endian; reading swaps them
};

/// One tensor of a file.
struct TensorInfo {
    std::string name;         ///< canonical: path from the root model, then the role (docs/formats/naming.md)
    std::string stored_name;  ///< the container path without leading '/'
    Part part = Part::weight;        ///< what it belongs to
    DType dtype = DType::float32;    ///< of its decoded elements
    Shape shape;                     ///< as the file gives it, row-major
    std::uint64_t stored_bytes = 0;  ///< what its elements take in the file, encoded; 0 when never written
    Storage storage;                 ///< where they are
    std::string alias_of;            ///< stored name of the tensor this is another name for; empty = none
    std::string layer;  ///< canonical path of the layer; empty for the root model's own and loose tensors
    std::string role;   ///< "kernel"; the stored key where the role is unknown

    /// Elements, 1 of a scalar.
    std::uint64_t element_count() const { return shape.element_count(); }
    /// Size of the decoded bytes; 0 for strings.
    std::uint64_t byte_count() const { return byte_size(dtype, shape.element_count()); }
};

/// Bytes of a file that are not tensors (assets, string tensors, saved_model.pb): carried along so none is
/// forgotten.
struct Blob {
    std::string name;                         ///< within its container: "assets/vocabulary.txt"
    std::variant<Extent, InlineBytes> bytes;  ///< all of them, as stored
};

/// Shared, immutable reference to one tensor of an Index; keeps the Index alive.
using TensorRef = std::shared_ptr<const TensorInfo>;

/// All tensors and blobs of an opened file, in the dialect's order.
class BALLAST_API Index : public std::enable_shared_from_this<Index> {
public:
    /// Keeps the order. Canonical names that collide get "#2", "#3", … in order.
    static std::shared_ptr<const Index> make(std::vector<TensorInfo> tensors, std::vector<Blob> blobs = {});

    /// In the order of the file's dialect; a position in it is what the other methods speak of.
    std::span<const TensorInfo> tensors() const noexcept { return tensors_; }
    /// What the file holds besides tensors; empty for most formats.
    std::span<const Blob> blobs() const noexcept { return blobs_; }
    /// How many tensors.
    std::size_t size() const noexcept { return tensors_.size(); }
    /// The tensor at this position, to keep.
    TensorRef ref(std::size_t position) const;
    /// The position of a tensor by exact name: stored first, then canonical. name_not_found (with near names)
    /// or ambiguous_name.
    std::size_t find(std::string_view name) const;
    /// Positions whose stored or canonical name matches the glob (`*`, `**`, `?`, `[…]`), in order;
    /// name_not_found when nothing matches.
    std::vector<std::size_t> match(std::string_view glob) const;
    /// Decoded bytes of all tensors that are no aliases; the largest number when they do not fit in 64 bits.
    std::uint64_t total_bytes() const;

private:
    Index() = default;
    std::vector<TensorInfo> tensors_;
    std::vector<Blob> blobs_;
};

/// `*` and `?` stop at '/', `**` does not; `[a-z]` and `[!a-z]` are one character of a set, never '/'. A
/// pattern without '/' also matches the last component alone.
BALLAST_API bool glob_match(std::string_view pattern, std::string_view name) noexcept;

}  // namespace ballast
