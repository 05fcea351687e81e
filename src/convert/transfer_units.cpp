// SPDX-License-Identifier: Apache-2.0
// Decides what is worked on together.
#include "convert/transfer_units.h"

#include <algorithm>
#include <string>

#include "ballast/error.h"
#include "convert/chunk_grid.h"
#include "core/checked.h"
#include "model/evaluate.h"

namespace ballast {
namespace {

const TensorExpr* value_of(const Piece& piece) {
    const auto* tensor = std::get_if<TensorBytes>(&piece.content);
    return tensor ? &tensor->value : nullptr;
}

bool is_chunk(const Piece& piece) {
    return std::holds_alternative<EncodedChunk>(piece.content);
}

/// How a long piece may be sliced: between the rows of its source's chunks, so that none is decoded twice.
std::uint64_t slice_step(const Piece& piece) {
    const TensorExpr* value = value_of(piece);
    const std::uint64_t slab = value ? decoding_step(*value) : 0;
    return slab == 0 ? slice_bytes : std::max<std::uint64_t>(slice_bytes / slab, 1) * slab;
}

class Cutter {
public:
    Cutter(const WritePlan& plan, WorkList& list) : plan_(plan), list_(list) {}

    void cut_file(std::uint32_t number) {
        file_ = number;
        std::vector<std::size_t>& order = list_.order[number];
        sort_pieces(order);
        const std::size_t plain = check_pieces(order);
        for (std::size_t at = 0; at < plain;)
            at += cut_plain(order, at, plain);
        for (std::size_t at = plain; at < order.size();)
            at += cut_chunks(order, at);
    }

private:
    const Piece& piece(std::size_t number) const { return plan_.files[file_].pieces[number]; }

    void sort_pieces(std::vector<std::size_t>& order) const {
        const std::vector<Piece>& pieces = plan_.files[file_].pieces;
        order.resize(pieces.size());
        for (std::size_t i = 0; i < order.size(); ++i)
            order[i] = i;
        // Chunks keep the plan's order: it is the order of their reservations.
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            if (is_chunk(pieces[a]) || is_chunk(pieces[b]))
                return !is_chunk(pieces[a]) && is_chunk(pieces[b]);
            return pieces[a].offset < pieces[b].offset;
        });
    }

    /// The number of pieces that are no chunks.
    std::size_t check_pieces(const std::vector<std::size_t>& order) const {
        const PlannedFile& file = plan_.files[file_];
        std::uint64_t end = 0;
        std::size_t plain = 0;
        for (; plain < order.size() && !is_chunk(piece(order[plain])); ++plain) {
            const Piece& next = piece(order[plain]);
            const std::uint64_t length = piece_length(next);
            if (length == 0) continue;
            if (next.offset < end || !fits(next.offset, length, file.size))
                throw Error(ErrorCode::internal, "a planned piece at " + std::to_string(next.offset) +
                                                     " overlaps another or leaves its file")
                    .in(file.name);
            end = next.offset + length;
        }
        return plain;
    }

    /// Units for the piece at `at` and those taken along; how many pieces that were.
    std::size_t cut_plain(const std::vector<std::size_t>& order, std::size_t at, std::size_t end) {
        const Piece& first = piece(order[at]);
        const std::uint64_t length = piece_length(first);
        if (length == 0 || std::holds_alternative<Hole>(first.content)) return 1;
        if (raw_extent(first).source) {
            const Run run = raw_run(order, at, end);
            if (run.length >= short_bytes) return add_slices(Unit::Kind::copy, at, run, slice_bytes);
        } else if (length >= short_bytes) {
            return add_long(at, first, length);
        }
        return add_group(order, at, end);
    }

    struct Run {
        std::size_t count = 0;
        std::uint64_t length = 0;
    };

    /// How many pieces from `at` on continue one another both in the source and in the file.
    Run raw_run(const std::vector<std::size_t>& order, std::size_t at, std::size_t end) const {
        const Extent start = raw_extent(piece(order[at]));
        Run run{1, start.length};
        // Checksums are of single pieces.
        if (plan_.files[file_].checksum != Checksum::none) return run;
        const std::uint64_t offset = piece(order[at]).offset;
        for (std::size_t next = at + 1; next < end; ++next, ++run.count) {
            const Extent extent = raw_extent(piece(order[next]));
            if (extent.source != start.source || extent.offset != start.offset + run.length ||
                piece(order[next]).offset != offset + run.length)
                break;
            run.length += extent.length;
        }
        return run;
    }

    std::size_t add_slices(Unit::Kind kind, std::size_t at, const Run& run, std::uint64_t step) {
        for (std::uint64_t begin = 0; begin < run.length; begin += step) {
            Unit unit{kind, file_, at, run.count, begin, std::min(step, run.length - begin)};
            // A slice of chunk rows, or a produced piece, is held whole: long ones one at a time.
            if (kind == Unit::Kind::piece && step > slice_bytes) unit.gate = gates_++;
            list_.units.push_back(unit);
        }
        return run.count;
    }

    std::size_t add_long(std::size_t at, const Piece& first, std::uint64_t length) {
        const TensorExpr* value = value_of(first);
        if (std::holds_alternative<ProducedBytes>(first.content))
            return add_slices(Unit::Kind::piece, at, {1, length}, length);
        if (!value || is_streamable(*value))
            return add_slices(Unit::Kind::piece, at, {1, length}, slice_step(first));
        Unit unit{Unit::Kind::whole, file_, at, 1, 0, length};
        if (length > buffer_bytes) unit.gate = gates_++;
        list_.units.push_back(unit);
        return 1;
    }

    /// Short pieces up to a buffer full, with small gaps between them.
    std::size_t add_group(const std::vector<std::size_t>& order, std::size_t at, std::size_t end) {
        const std::uint64_t start = piece(order[at]).offset;
        std::uint64_t reach = start;
        std::size_t last = at;
        for (std::size_t next = at; next < end; ++next) {
            const Piece& candidate = piece(order[next]);
            const std::uint64_t length = piece_length(candidate);
            if (length == 0) continue;
            const bool hole = std::holds_alternative<Hole>(candidate.content);
            const bool near = candidate.offset - reach <= gap_bytes;
            if (!near || length >= (hole ? gap_bytes : short_bytes) ||
                candidate.offset + length - start > buffer_bytes)
                break;
            if (hole) continue;  // becomes part of the gap before the next one
            reach = candidate.offset + length;
            last = next;
        }
        list_.units.push_back({Unit::Kind::group, file_, at, last - at + 1, 0, reach - start});
        return last - at + 1;
    }

    /// Chunks of the same rows of one tensor, so that these rows are read once.
    std::size_t cut_chunks(const std::vector<std::size_t>& order, std::size_t at) {
        const auto& first = std::get<EncodedChunk>(piece(order[at]).content);
        const ChunkGrid grid(first.target->value, first.target->chunk_shape);
        const std::uint64_t chunk = grid.chunk_bytes();
        const std::uint64_t row = grid.row_of(first.grid_index);
        const bool shares_rows = grid.slab_bytes() <= shared_slab_bytes;
        std::size_t count = 1;
        while (at + count < order.size() && (count + 1) * chunk <= shared_slab_bytes) {
            const auto& next = std::get<EncodedChunk>(piece(order[at + count]).content);
            if (next.target != first.target || !shares_rows || grid.row_of(next.grid_index) != row) break;
            ++count;
        }
        Unit unit{Unit::Kind::chunks, file_, at, count, 0, count * chunk};
        unit.turn = turns_++;
        const TensorExpr& value = first.target->value;
        const bool wide = decoding_step(value) != 0 && !shares_rows;
        if (chunk > slice_bytes || wide || !is_streamable(value)) unit.gate = gates_++;
        list_.units.push_back(unit);
        return count;
    }

    const WritePlan& plan_;
    WorkList& list_;
    std::uint32_t file_ = 0;
    std::size_t turns_ = 0;
    std::size_t gates_ = 0;
};

}  // namespace

std::uint64_t piece_length(const Piece& piece) {
    struct Length {
        std::uint64_t operator()(const FixedBytes& fixed) const { return fixed.bytes.size(); }
        std::uint64_t operator()(const ProducedBytes& produced) const { return produced.length; }
        std::uint64_t operator()(const TensorBytes& tensor) const { return tensor.value.byte_count(); }
        std::uint64_t operator()(const CopiedBytes& copied) const { return copied.extent.length; }
        std::uint64_t operator()(const Hole& hole) const { return hole.length; }
        std::uint64_t operator()(const EncodedChunk&) const { return 0; }
    };
    return std::visit(Length{}, piece.content);
}

Extent raw_extent(const Piece& piece) {
    if (const auto* copied = std::get_if<CopiedBytes>(&piece.content)) return copied->extent;
    const TensorExpr* value = value_of(piece);
    if (!value || !value->is_identity()) return {};
    const TensorInfo& tensor = *value->source();
    const auto* extent = std::get_if<Extent>(&tensor.storage.layout);
    const bool as_it_is = extent && (!tensor.storage.big_endian || info(tensor.dtype).bits <= 8);
    return as_it_is && extent->length == tensor.byte_count() ? *extent : Extent{};
}

WorkList cut(const WritePlan& plan) {
    WorkList list;
    list.order.resize(plan.files.size());
    Cutter cutter(plan, list);
    for (std::uint32_t file = 0; file < plan.files.size(); ++file)
        cutter.cut_file(file);
    return list;
}

}  // namespace ballast
