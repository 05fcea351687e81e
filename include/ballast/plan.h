// SPDX-License-Identifier: Apache-2.0
// WritePlan: the only way bytes reach a destination. A format lays every file out; the engine creates, fills,
// syncs, renames and removes. Formats never write bytes themselves.
//
// A plan is built on one thread. While it is carried out, producers, encoders and value reads run on several
// threads at once; PlanHooks are called by one thread at a time: reserve() in plan order, then finish() once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "ballast/export.h"
#include "ballast/index.h"
#include "ballast/model.h"

namespace ballast {

/// Makes bytes on demand, so that a large structure (an HDF5 file of 100,000 groups) is never held whole.
/// Thread-safe.
class BALLAST_API ByteProducer {
public:
    virtual ~ByteProducer() = default;
    /// Fills `out` with exactly the bytes of the piece `cookie`.
    virtual void produce(std::uint64_t cookie, std::span<std::byte> out) const = 0;
};

/// Turns one full-size chunk into its stored bytes. Thread-safe and deterministic.
class BALLAST_API ChunkCodec {
public:
    virtual ~ChunkCodec() = default;
    /// The pipeline; a source chunk stored with the same filters and shape is copied without decoding.
    virtual std::span<const Filter> filters() const noexcept = 0;
    virtual std::vector<std::byte> encode(std::span<const std::byte> chunk) const = 0;
};

/// Bytes known now.
struct FixedBytes {
    std::vector<std::byte> bytes;
};
/// Bytes made when they are needed.
struct ProducedBytes {
    std::shared_ptr<const ByteProducer> producer;
    std::uint64_t cookie = 0;
    std::uint64_t length = 0;
};
/// The bytes of a whole tensor value, row-major, little-endian.
struct TensorBytes {
    TensorExpr value;
};
/// A range of a source copied as it is (an asset, a member carried over).
struct CopiedBytes {
    Extent extent;
};
/// Zeros.
struct Hole {
    std::uint64_t length = 0;
};
/// What the chunks of one tensor share.
struct ChunkedTarget {
    TensorExpr value;
    Shape chunk_shape;
    std::shared_ptr<const ChunkCodec> codec;
};
/// One chunk, edge chunks padded with zeros to full size. Its place is asked for by PlanHooks::reserve.
struct EncodedChunk {
    std::shared_ptr<const ChunkedTarget> target;
    std::uint64_t grid_index = 0;
};

/// A run of bytes in a planned file. `offset` is ignored for EncodedChunk.
struct Piece {
    std::uint64_t offset = 0;
    std::variant<FixedBytes, ProducedBytes, TensorBytes, CopiedBytes, Hole, EncodedChunk> content;
};

enum class Checksum : std::uint8_t { none, crc32, crc32c };

/// One file of a plan. Pieces do not overlap; bytes between them are zeros.
struct PlannedFile {
    std::string name;        ///< final name, relative to the target's Fs
    std::uint64_t size = 0;  ///< without what reserve() adds
    std::vector<Piece> pieces;
    Checksum checksum = Checksum::none;  ///< computed for every piece while it is written
    /// Read and evaluate every piece (checksums included) but store nothing: no file is created under `name`.
    /// Reservations are made as if it were stored. What `null` plans.
    bool discard = false;
    /// Put in place after the commit, over whatever has the name: a file the new set needs not, but its
    /// readers look for, and whose old bytes the old set needs until then.
    bool after_commit = false;

    /// Appends the pieces of a file planned on its own, moved by `base` (an HDF5 file inside a zip).
    BALLAST_API void nest(std::vector<Piece> pieces, std::uint64_t base);
};

/// What became of one piece.
struct PieceResult {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::uint32_t checksum = 0;
    std::uint32_t filter_mask = 0;
};
/// results[file][piece]
using PlanResults = std::vector<std::vector<PieceResult>>;

/// Bytes to put over an already written place, or behind everything (offset = the end returned by the
/// reservations).
struct Patch {
    std::size_t file = 0;
    std::uint64_t offset = 0;
    std::vector<std::byte> bytes;
};
struct TailFile {
    std::string name;
    std::vector<std::byte> bytes;
};
struct Finish {
    std::vector<Patch> patches;
    std::vector<TailFile> tail_files;
};

/// The decisions that must wait for data. Both have defaults for plans without such.
class BALLAST_API PlanHooks {
public:
    virtual ~PlanHooks() = default;
    /// Where in `file` the next `length` bytes of piece `piece` go. Called in plan order, whatever the thread
    /// count.
    virtual std::uint64_t reserve(std::size_t file, std::size_t piece, std::uint64_t length);
    /// All pieces are written: the last patches, and files made of checksums and sizes.
    virtual Finish finish(const PlanResults& results);
};

/// Everything a save will do. The commit is the rename of one file; all other files get names the old set
/// does not use.
struct WritePlan {
    std::vector<PlannedFile> files;
    /// Final name of the file, or ending in `/` of the folder around all files, whose rename publishes the
    /// set; empty when every file is discarded: then the destination is neither looked at nor touched.
    std::string commit;
    std::vector<std::string> remove_after;  ///< members of the old set, removed once the commit is durable
    std::shared_ptr<PlanHooks> hooks;       ///< may be null

    /// Decoded tensor bytes the plan will move, for progress.
    BALLAST_API std::uint64_t tensor_bytes() const;
};

}  // namespace ballast
