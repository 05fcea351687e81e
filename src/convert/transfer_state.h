// SPDX-License-Identifier: Apache-2.0
// TransferState: what the workers of one execute() share, and the memory each has of its own.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "convert/publish.h"
#include "convert/transfer.h"
#include "convert/transfer_units.h"
#include "io/worker_pool.h"

namespace ballast {

/// Memory that grows but is not cleared. Belongs to one worker.
class Buffer {
public:
    std::span<std::byte> get(std::uint64_t size);
    void release() noexcept;

private:
    std::unique_ptr<std::byte[]> bytes_;
    std::size_t capacity_ = 0;
};

struct Workspace {
    Buffer buffer, scratch;
};

/// Any worker may call any method.
class TransferState {
public:
    TransferState(const WritePlan& plan, const WorkList& work, Publication& publication,
                  io::WorkerPool& pool);

    const WritePlan& plan;
    const WorkList& work;
    io::WorkerPool& pool;

    const Piece& piece(const Unit& unit, std::size_t i = 0) const {
        return plan.files[unit.file].pieces[work.order[unit.file][unit.first + i]];
    }
    std::size_t piece_number(const Unit& unit, std::size_t i) const {
        return work.order[unit.file][unit.first + i];
    }
    io::File& file(std::uint32_t number) const noexcept { return publication_.file(number); }

    void write(std::uint32_t file, std::uint64_t offset, std::span<const std::byte> bytes, Route route);
    /// Bytes that reached the file without write().
    void wrote(std::uint32_t file, std::uint64_t end, std::uint64_t length, Route route);
    void advance(std::uint64_t tensor_bytes) { done_.fetch_add(tensor_bytes, std::memory_order_relaxed); }
    std::uint64_t done() const { return done_.load(std::memory_order_relaxed); }
    std::uint64_t end_of(std::size_t file) const { return ends_[file].load(std::memory_order_relaxed); }
    TransferStats stats() const;

    bool wants_checksum(std::uint32_t file) const { return plan.files[file].checksum != Checksum::none; }
    /// The checksum of the bytes [begin, begin + bytes.size()) of a piece.
    void add_checksum(std::uint32_t file, std::size_t piece, std::uint64_t begin,
                      std::span<const std::byte> bytes);
    void set_result(std::uint32_t file, std::size_t piece, const PieceResult& result);
    /// All results, after the last unit. Empty when no one asks for them.
    PlanResults take_results();

    /// Memory-hungry units pass one at a time, in order.
    class Gate {
    public:
        Gate(TransferState& state, std::size_t place);
        ~Gate() { leave(); }
        Gate(const Gate&) = delete;
        Gate& operator=(const Gate&) = delete;
        void leave() noexcept;

    private:
        TransferState* state_;
    };

    std::size_t turn = 0;  ///< of reservations; under the pool's lock
    /// The value chunks are cut from when it can only be computed whole; for the one who is in the gate.
    const ChunkedTarget* computed_target = nullptr;
    Buffer computed;

private:
    struct Partial {
        std::uint32_t file = 0;
        std::size_t piece = 0;
        std::uint64_t begin = 0, length = 0;
        std::uint32_t checksum = 0;
    };

    Publication& publication_;
    std::size_t gate_next_ = 0;  // under the pool's lock
    bool gate_taken_ = false;
    std::array<std::atomic<std::uint64_t>, route_count> routes_{};
    std::atomic<std::uint64_t> written_{0}, done_{0};
    std::vector<std::atomic<std::uint64_t>> ends_;
    std::mutex results_mutex_;
    PlanResults results_;
    std::vector<Partial> partials_;
};

/// Carries out one unit.
void transfer_copy(TransferState& state, const Unit& unit, Workspace& memory);
void transfer_piece(TransferState& state, const Unit& unit, Workspace& memory);
void transfer_group(TransferState& state, const Unit& unit, Workspace& memory);
void transfer_whole(TransferState& state, const Unit& unit);
void transfer_chunks(TransferState& state, const Unit& unit, Workspace& memory);

/// How the bytes of a value travel when they pass through our memory.
Route route_of(const TensorExpr& value);

}  // namespace ballast
