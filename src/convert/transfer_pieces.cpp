// SPDX-License-Identifier: Apache-2.0
// Units that are no chunks: raw copies, long pieces, groups of short ones, values computed whole.
#include <algorithm>
#include <cstring>

#include "ballast/error.h"
#include "convert/chunk_grid.h"
#include "convert/transfer_state.h"
#include "io/copy_range.h"
#include "model/evaluate.h"

namespace ballast {
namespace {

const TensorExpr* value_of(const Piece& piece) {
    const auto* tensor = std::get_if<TensorBytes>(&piece.content);
    return tensor ? &tensor->value : nullptr;
}

std::string_view name_of(const Piece& piece) {
    const TensorExpr* value = value_of(piece);
    return value && value->is_identity() ? std::string_view(value->source()->stored_name)
                                         : std::string_view();
}

/// Runs the read and names the tensor in what it throws.
template <class Read>
void read_for(const Piece& piece, Read read) {
    try {
        read();
    } catch (Error& error) {
        if (!name_of(piece).empty()) error.tensor(name_of(piece));
        throw;
    }
}

Route route_of(const Piece& piece) {
    if (const TensorExpr* value = value_of(piece)) return ballast::route_of(*value);
    return std::holds_alternative<CopiedBytes>(piece.content) ? Route::read_write : Route::produced;
}

/// Bytes [begin, begin + out.size()) of a piece that is no chunk.
void fill(const Piece& piece, std::uint64_t begin, std::span<std::byte> out) {
    struct Fill {
        std::uint64_t begin;
        std::span<std::byte> out;
        void operator()(const FixedBytes& fixed) const {
            std::memcpy(out.data(), fixed.bytes.data() + begin, out.size());
        }
        void operator()(const ProducedBytes& produced) const {
            produced.producer->produce(produced.cookie, out);
        }
        void operator()(const TensorBytes& tensor) const { evaluate(tensor.value, begin, out); }
        void operator()(const CopiedBytes& copied) const {
            copied.extent.source->read_at(copied.extent.offset + begin, out);
        }
        void operator()(const Hole&) const { std::memset(out.data(), 0, out.size()); }
        void operator()(const EncodedChunk&) const {
            throw Error(ErrorCode::internal, "an encoded chunk has no bytes of its own");
        }
    };
    if (!out.empty()) read_for(piece, [&] { std::visit(Fill{begin, out}, piece.content); });
}

/// The piece of a run that holds the byte `at` of it, for messages.
const Piece& piece_at(const TransferState& state, const Unit& unit, std::uint64_t at) {
    std::size_t i = 0;
    for (; i + 1 < unit.count; ++i) {
        const std::uint64_t length = piece_length(state.piece(unit, i));
        if (at < length) break;
        at -= length;
    }
    return state.piece(unit, i);
}

/// Reads the raw extents of a group: neighbours in the source (whatever their order there) in one go.
class GroupReader {
public:
    struct Part {
        const Piece* piece = nullptr;
        Extent extent;
        std::uint64_t target = 0;  ///< offset in the buffer
    };

    GroupReader(std::span<std::byte> buffer, Buffer& scratch) : buffer_(buffer), scratch_(scratch) {}
    void add(const Part& part) { parts_.push_back(part); }

    void read() {
        std::sort(parts_.begin(), parts_.end(), [](const Part& a, const Part& b) {
            if (a.extent.source != b.extent.source) return a.extent.source < b.extent.source;
            return a.extent.offset < b.extent.offset;
        });
        for (std::size_t at = 0; at < parts_.size();)
            at += read_some(at);
    }

private:
    static std::uint64_t end_of(const Extent& extent) { return extent.offset + extent.length; }

    /// The parts from `at` on that one read serves.
    std::size_t read_some(std::size_t at) {
        const Part& first = parts_[at];
        std::uint64_t end = end_of(first.extent);
        std::size_t count = 1;
        bool contiguous = true;  // on both sides
        for (; at + count < parts_.size(); ++count) {
            const Part& next = parts_[at + count];
            if (next.extent.source != first.extent.source || next.extent.offset > end + gap_bytes) break;
            if (std::max(end, end_of(next.extent)) - first.extent.offset > buffer_bytes) break;
            contiguous = contiguous && next.extent.offset == end &&
                         next.target == first.target + (next.extent.offset - first.extent.offset);
            end = std::max(end, end_of(next.extent));
        }
        const std::uint64_t length = end - first.extent.offset;
        const std::span<std::byte> into =
            contiguous ? buffer_.subspan(first.target, length) : scratch_.get(length);
        read_range_of(at, count, into);
        if (contiguous) return count;
        for (std::size_t i = at; i < at + count; ++i) {
            const Part& part = parts_[i];
            std::memcpy(buffer_.data() + part.target,
                        into.data() + (part.extent.offset - first.extent.offset),
                        static_cast<std::size_t>(part.extent.length));
        }
        return count;
    }

    void read_range_of(std::size_t at, std::size_t count, std::span<std::byte> into) const {
        const Part& first = parts_[at];
        try {
            first.extent.source->read_at(first.extent.offset, into);
        } catch (const Error&) {
            // Together they cannot be read: one by one the error names the tensor and its own offset.
            for (std::size_t i = at; i < at + count; ++i) {
                const Part& part = parts_[i];
                read_for(*part.piece, [&] {
                    part.extent.source->read_at(
                        part.extent.offset,
                        buffer_.subspan(part.target, static_cast<std::size_t>(part.extent.length)));
                });
            }
            throw;
        }
    }

    std::span<std::byte> buffer_;
    Buffer& scratch_;
    std::vector<Part> parts_;
};

}  // namespace

Route route_of(const TensorExpr& value) {
    if (!value.is_identity()) return Route::compute;
    const Storage& storage = value.source()->storage;
    const bool decoded = storage.layout.index() == 1 || (storage.big_endian && info(value.dtype()).bits > 8);
    return decoded ? Route::decode : Route::read_write;
}

void transfer_copy(TransferState& state, const Unit& unit, Workspace& memory) {
    const Piece& first = state.piece(unit);
    const Extent extent = raw_extent(first);
    const bool tensor = value_of(first) != nullptr;
    const std::uint64_t target = first.offset + unit.begin, source = extent.offset + unit.begin;
    std::uint64_t done = 0;
    if (!state.wants_checksum(unit.file)) {
        done = io::kernel_copy(*extent.source, source, state.file(unit.file), target, unit.length);
        state.wrote(unit.file, target + done, done, Route::kernel_copy);
        if (tensor) state.advance(done);
    }
    while (done < unit.length) {
        const std::span<std::byte> part = memory.buffer.get(std::min(buffer_bytes, unit.length - done));
        read_for(piece_at(state, unit, unit.begin + done),
                 [&] { extent.source->read_at(source + done, part); });
        state.add_checksum(unit.file, state.piece_number(unit, 0), unit.begin + done, part);
        state.write(unit.file, target + done, part, Route::read_write);
        done += part.size();
        if (tensor) state.advance(part.size());
        state.pool.checkpoint();
    }
}

void transfer_piece(TransferState& state, const Unit& unit, Workspace& memory) {
    const TransferState::Gate gate(state, unit.gate);
    const Piece& piece = state.piece(unit);
    const TensorExpr* value = value_of(piece);
    const auto* fixed = std::get_if<FixedBytes>(&piece.content);
    // What is produced or decoded is wanted in one go; all else passes in parts that stay in the processor's
    // caches.
    const bool at_once =
        std::holds_alternative<ProducedBytes>(piece.content) || (value && decoding_step(*value) != 0);
    const std::uint64_t step = at_once ? unit.length : buffer_bytes;
    for (std::uint64_t done = 0; done < unit.length; done += step) {
        const std::uint64_t begin = unit.begin + done, length = std::min(step, unit.length - done);
        std::span<const std::byte> bytes;
        if (fixed) {
            bytes = std::span(fixed->bytes).subspan(begin, length);
        } else {
            const std::span<std::byte> part = memory.buffer.get(length);
            fill(piece, begin, part);
            bytes = part;
        }
        state.add_checksum(unit.file, state.piece_number(unit, 0), begin, bytes);
        state.write(unit.file, piece.offset + begin, bytes, route_of(piece));
        if (value) state.advance(length);
        state.pool.checkpoint();
    }
    if (unit.gate != Unit::no_gate) memory.buffer.release();
}

void transfer_group(TransferState& state, const Unit& unit, Workspace& memory) {
    const std::uint64_t start = state.piece(unit).offset;
    const std::span<std::byte> buffer = memory.buffer.get(unit.length);
    GroupReader reader(buffer, memory.scratch);
    std::uint64_t reach = 0, tensor_bytes = 0;
    std::array<std::uint64_t, route_count> routes{};
    for (std::size_t i = 0; i < unit.count; ++i) {
        const Piece& piece = state.piece(unit, i);
        const std::uint64_t length = piece_length(piece), at = piece.offset - start;
        if (length == 0) continue;
        // Gaps and holes.
        if (at > reach) std::memset(buffer.data() + reach, 0, static_cast<std::size_t>(at - reach));
        reach = at + length;
        if (const Extent extent = raw_extent(piece); extent.source)
            reader.add({&piece, extent, at});
        else
            fill(piece, 0, buffer.subspan(at, length));
        routes[static_cast<std::size_t>(route_of(piece))] += length;
        if (value_of(piece)) tensor_bytes += length;
    }
    reader.read();
    for (std::size_t i = 0; i < unit.count && state.wants_checksum(unit.file); ++i) {
        const Piece& piece = state.piece(unit, i);
        const std::uint64_t length = piece_length(piece);
        if (length > 0)
            state.add_checksum(unit.file, state.piece_number(unit, i), 0,
                               buffer.subspan(piece.offset - start, length));
    }
    state.file(unit.file).write_at(start, buffer);
    for (std::size_t route = 0; route < route_count; ++route)
        state.wrote(unit.file, start + buffer.size(), routes[route], static_cast<Route>(route));
    state.advance(tensor_bytes);
}

void transfer_whole(TransferState& state, const Unit& unit) {
    const TransferState::Gate gate(state, unit.gate);
    const Piece& piece = state.piece(unit);
    Buffer whole;
    const std::span<std::byte> bytes = whole.get(unit.length);
    fill(piece, 0, bytes);
    state.add_checksum(unit.file, state.piece_number(unit, 0), 0, bytes);
    for (std::uint64_t done = 0; done < unit.length; done += slice_bytes) {
        const auto part = bytes.subspan(done, std::min<std::uint64_t>(slice_bytes, unit.length - done));
        state.write(unit.file, piece.offset + done, part, Route::compute);
        state.advance(part.size());
        state.pool.checkpoint();
    }
}

}  // namespace ballast
