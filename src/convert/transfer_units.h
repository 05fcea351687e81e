// SPDX-License-Identifier: Apache-2.0
// Cutting a plan into units of work.
//
// A unit is about 1 to 8 MiB of one file: a slice of a long piece, a group of short neighbours written at
// once, a value that must be computed whole, or a run of chunks to encode. Pure functions over an immutable
// plan.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ballast/plan.h"

namespace ballast {

inline constexpr std::uint64_t slice_bytes = std::uint64_t{8} << 20;   ///< longest slice of a piece
inline constexpr std::uint64_t buffer_bytes = std::uint64_t{1} << 20;  ///< what is read and written at a time
inline constexpr std::uint64_t short_bytes = std::uint64_t{64} << 10;  ///< pieces below it are grouped
inline constexpr std::uint64_t gap_bytes =
    4096;  ///< gaps up to this are filled with zeros rather than skipped

struct Unit {
    enum class Kind : std::uint8_t {
        copy,    ///< bytes of one source that go over as they are; `count` pieces, contiguous on both sides
        piece,   ///< part of a single piece
        group,   ///< `count` short pieces, written through one buffer
        whole,   ///< a large value that can only be computed as a whole
        chunks,  ///< `count` EncodedChunk pieces
    };
    Kind kind = Kind::piece;
    std::uint32_t file = 0;
    std::size_t first = 0;  ///< position in FileUnits::order; of `chunks` too
    std::size_t count = 1;
    std::uint64_t begin = 0;     ///< copy, piece: offset in the run or piece
    std::uint64_t length = 0;    ///< bytes in the file; of chunks: decoded
    std::size_t turn = 0;        ///< chunks: the order of reservations
    std::size_t gate = no_gate;  ///< place in the queue of those that need much memory

    static constexpr std::size_t no_gate = ~std::size_t{0};
};

/// The units of a whole plan, in the order to work on them.
struct WorkList {
    std::vector<std::vector<std::size_t>>
        order;  ///< per file: piece numbers by offset, then the encoded chunks
    std::vector<Unit> units;
};

/// Errors: internal when pieces overlap, leave their file or a chunk does not fit its tensor.
WorkList cut(const WritePlan& plan);

/// Bytes the piece takes in its file; 0 for encoded chunks, whose size is not known yet.
std::uint64_t piece_length(const Piece& piece);

/// The source bytes of a piece that goes over as it is; null source otherwise.
Extent raw_extent(const Piece& piece);

}  // namespace ballast
