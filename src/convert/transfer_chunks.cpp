// SPDX-License-Identifier: Apache-2.0
// Units of encoded chunks: gather, encode, wait for the turn, reserve, write.
#include <algorithm>
#include <cstring>
#include <optional>

#include "ballast/error.h"
#include "convert/chunk_grid.h"
#include "convert/transfer_state.h"
#include "model/evaluate.h"

namespace ballast {
namespace {

bool same_filters(std::span<const Filter> a, std::span<const Filter> b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const Filter& x, const Filter& y) { return x.id == y.id && x.values == y.values; });
}

/// The layout whose stored chunks are the target's chunks byte for byte; null when they must be encoded anew.
const ChunkedLayout* copyable_layout(const ChunkedTarget& target) {
    if (!target.value.is_identity()) return nullptr;
    const TensorInfo& tensor = *target.value.source();
    const auto* layout = std::get_if<std::shared_ptr<const ChunkedLayout>>(&tensor.storage.layout);
    if (!layout || !*layout || (tensor.storage.big_endian && info(tensor.dtype).bits > 8)) return nullptr;
    const bool same = (*layout)->chunk_shape == target.chunk_shape &&
                      same_filters((*layout)->filters, target.codec->filters());
    return same ? layout->get() : nullptr;
}

const Chunk* find_chunk(const ChunkedLayout& layout, std::uint64_t grid_index) {
    const auto found =
        std::lower_bound(layout.chunks.begin(), layout.chunks.end(), grid_index,
                         [](const Chunk& chunk, std::uint64_t index) { return chunk.grid_index < index; });
    return found != layout.chunks.end() && found->grid_index == grid_index ? &*found : nullptr;
}

struct Encoded {
    std::vector<std::byte> bytes;
    std::uint32_t filter_mask = 0;
    Route route = Route::decode;
};

/// Encodes the chunks of one unit.
class ChunkMaker {
public:
    ChunkMaker(TransferState& state, const Unit& unit, Workspace& memory)
        : state_(state),
          memory_(memory),
          target_(*std::get<EncodedChunk>(state.piece(unit).content).target),
          grid_(target_.value, target_.chunk_shape),
          layout_(copyable_layout(target_)),
          gate_(state, unit.gate) {}

    Encoded make(std::uint64_t grid_index) {
        if (layout_)
            if (const Chunk* stored = find_chunk(*layout_, grid_index)) return copy(*stored);
        const std::span<std::byte> chunk = memory_.buffer.get(grid_.chunk_bytes());
        gather(grid_index, chunk);
        const Route route = ballast::route_of(target_.value);
        return {target_.codec->encode(chunk), 0, route == Route::compute ? route : Route::decode};
    }

    std::uint64_t used_bytes(std::uint64_t grid_index) const { return grid_.used_bytes(grid_index); }
    bool is_large() const { return grid_.chunk_bytes() > slice_bytes; }
    /// Lets the next one compute; ours is copied out by now.
    void leave_gate() { gate_.leave(); }

private:
    Encoded copy(const Chunk& stored) const {
        const TensorInfo& tensor = *target_.value.source();
        try {
            if (stored.length > layout_->source->size())  // before memory is taken for it
                throw Error(ErrorCode::truncated, "a chunk ends behind the file")
                    .in(layout_->source->path())
                    .at(stored.offset);
            Encoded result{std::vector<std::byte>(static_cast<std::size_t>(stored.length)),
                           stored.filter_mask, Route::chunk_copy};
            layout_->source->read_at(stored.offset, result.bytes);
            return result;
        } catch (Error& error) {
            error.tensor(tensor.stored_name);
            throw;
        }
    }

    void gather(std::uint64_t grid_index, std::span<std::byte> chunk) {
        std::memset(chunk.data(), 0, chunk.size());
        const auto runs = grid_.runs_of(grid_index);
        if (!is_streamable(target_.value)) {
            const std::span<const std::byte> whole = compute();
            for (const auto& run : runs)
                std::memcpy(chunk.data() + run.in_chunk, whole.data() + run.in_tensor, run.length);
        } else if (grid_.slab_bytes() <= shared_slab_bytes || decoding_step(target_.value) != 0) {
            const auto range = grid_.slab_of(grid_index);
            const std::span<const std::byte> slab = read_slab(range);
            for (const auto& run : runs)
                std::memcpy(chunk.data() + run.in_chunk, slab.data() + (run.in_tensor - range.begin),
                            run.length);
        } else {
            for (const auto& run : runs)
                evaluate(target_.value, run.in_tensor, chunk.subspan(run.in_chunk, run.length));
        }
    }

    /// The rows of the tensor this unit's chunks lie in, read once.
    std::span<const std::byte> read_slab(const ChunkGrid::Range& range) {
        if (!slab_ || slab_->begin != range.begin) {
            evaluate(target_.value, range.begin, memory_.scratch.get(range.length));
            slab_ = range;
        }
        return memory_.scratch.get(slab_->length);
    }

    std::span<const std::byte> compute() {
        const std::uint64_t size = target_.value.byte_count();
        if (state_.computed_target != &target_) {
            state_.computed_target = nullptr;
            evaluate(target_.value, 0, state_.computed.get(size));
            state_.computed_target = &target_;
        }
        return state_.computed.get(size);
    }

    TransferState& state_;
    Workspace& memory_;
    const ChunkedTarget& target_;
    ChunkGrid grid_;
    const ChunkedLayout* layout_;
    TransferState::Gate gate_;
    std::optional<ChunkGrid::Range> slab_;
};

std::uint64_t reserve(TransferState& state, const Unit& unit, std::size_t i, std::uint64_t length) {
    return state.plan.hooks->reserve(unit.file, state.piece_number(unit, i), length);
}

}  // namespace

void transfer_chunks(TransferState& state, const Unit& unit, Workspace& memory) {
    ChunkMaker maker(state, unit, memory);
    std::vector<Encoded> encoded;
    encoded.reserve(unit.count);
    for (std::size_t i = 0; i < unit.count; ++i) {
        encoded.push_back(maker.make(std::get<EncodedChunk>(state.piece(unit, i).content).grid_index));
        state.pool.checkpoint();
    }
    if (!maker.is_large()) maker.leave_gate();

    // Our turn; nobody else reserves until we pass it on.
    state.pool.wait([&] { return state.turn == unit.turn; });
    std::vector<std::uint64_t> places(unit.count);
    for (std::size_t i = 0; i < unit.count; ++i)
        places[i] = reserve(state, unit, i, encoded[i].bytes.size());
    state.pool.update([&] { ++state.turn; });

    for (std::size_t i = 0; i < unit.count; ++i) {
        const std::size_t number = state.piece_number(unit, i);
        state.set_result(unit.file, number, {places[i], encoded[i].bytes.size(), 0, encoded[i].filter_mask});
        state.add_checksum(unit.file, number, 0, encoded[i].bytes);
        state.write(unit.file, places[i], encoded[i].bytes, encoded[i].route);
        encoded[i].bytes = {};
        state.advance(maker.used_bytes(std::get<EncodedChunk>(state.piece(unit, i).content).grid_index));
    }
}

}  // namespace ballast
