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
    /// The stored bytes of one chunk, all filters applied; `chunk` is decoded, little-endian and of full
    /// size.
    virtual std::vector<std::byte> encode(std::span<const std::byte> chunk) const = 0;
};

/// Bytes known now.
struct FixedBytes {
    std::vector<std::byte> bytes;  ///< held until the plan is gone
};
/// Bytes made when they are needed.
struct ProducedBytes {
    std::shared_ptr<const ByteProducer> producer;  ///< asked once, for all of them
    std::uint64_t cookie = 0;                      ///< says to the producer which piece it is
    std::uint64_t length = 0;                      ///< in bytes
};
/// The bytes of a whole tensor value, row-major, little-endian.
struct TensorBytes {
    TensorExpr value;  ///< not empty
};
/// A range of a source copied as it is (an asset, a member carried over).
struct CopiedBytes {
    Extent extent;  ///< all of it
};
/// Zeros.
struct Hole {
    std::uint64_t length = 0;  ///< in bytes
};
/// What the chunks of one tensor share.
struct ChunkedTarget {
    TensorExpr value;                         ///< not empty
    Shape chunk_shape;                        ///< as many dimensions as the value
    std::shared_ptr<const ChunkCodec> codec;  ///< never null
};
/// One chunk, edge chunks padded with zeros to full size. Its place is asked for by PlanHooks::reserve.
struct EncodedChunk {
    std::shared_ptr<const ChunkedTarget> target;  ///< one object for all chunks of a tensor
    std::uint64_t grid_index = 0;                 ///< row-major position in the grid of chunks
};

/// A run of bytes in a planned file. `offset` is ignored for EncodedChunk.
struct Piece {
    std::uint64_t offset = 0;  ///< in bytes from the start of its file
    /// What the bytes are.
    std::variant<FixedBytes, ProducedBytes, TensorBytes, CopiedBytes, Hole, EncodedChunk> content;
};

/// crc32 is zip's, crc32c TensorFlow's (not yet masked).
enum class Checksum : std::uint8_t { none, crc32, crc32c };

/// One file of a plan. Pieces do not overlap; bytes between them are zeros.
struct PlannedFile {
    std::string name;                    ///< final name, relative to the target's Fs
    std::uint64_t size = 0;              ///< without what reserve() adds
    std::vector<Piece> pieces;           ///< in any order; chunks are reserved in this one
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
    std::uint64_t offset = 0;       ///< in its file; of chunks what reserve() gave
    std::uint64_t length = 0;       ///< in bytes; of chunks encoded
    std::uint32_t checksum = 0;     ///< of these bytes, by PlannedFile::checksum; 0 without
    std::uint32_t filter_mask = 0;  ///< of chunks: bit i set = filter i was not applied
};
/// results[file][piece], in the order of WritePlan::files and PlannedFile::pieces.
using PlanResults = std::vector<std::vector<PieceResult>>;

/// Bytes to put over an already written place, or behind everything (offset = the end returned by the
/// reservations).
struct Patch {
    std::size_t file = 0;          ///< position in WritePlan::files
    std::uint64_t offset = 0;      ///< in bytes from the file's start
    std::vector<std::byte> bytes;  ///< written whole, by one thread
};
/// A small file whose content depends on all others (a checkpoint's index); part of the set.
struct TailFile {
    std::string name;              ///< final name, relative to the target's Fs; not one of WritePlan::files
    std::vector<std::byte> bytes;  ///< all of it
};
/// What finish() adds.
struct Finish {
    std::vector<Patch> patches;        ///< applied in order
    std::vector<TailFile> tail_files;  ///< written after the patches; one may have the commit's name
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
    std::vector<PlannedFile> files;  ///< laid out whole; what finish() adds comes on top
    /// Final name of the file, or ending in `/` of the folder around all files, whose rename publishes the
    /// set; empty when every file is discarded: then the destination is neither looked at nor touched.
    std::string commit;
    std::vector<std::string> remove_after;  ///< members of the old set, removed once the commit is durable
    std::shared_ptr<PlanHooks> hooks;       ///< may be null

    /// Decoded tensor bytes the plan will move, for progress.
    BALLAST_API std::uint64_t tensor_bytes() const;
};

}  // namespace ballast
