// SPDX-License-Identifier: Apache-2.0
// Counters, checksums and the gate shared by workers.
#include "convert/transfer_state.h"

#include <algorithm>
#include <tuple>

#include "io/checksum.h"

namespace ballast {
namespace {

io::Crc crc_of(Checksum checksum) {
    return checksum == Checksum::crc32 ? io::Crc::crc32 : io::Crc::crc32c;
}

}  // namespace

std::span<std::byte> Buffer::get(std::uint64_t size) {
    if (size > capacity_) {
        bytes_.reset();
        bytes_ = std::make_unique_for_overwrite<std::byte[]>(static_cast<std::size_t>(size));
        capacity_ = static_cast<std::size_t>(size);
    }
    return {bytes_.get(), static_cast<std::size_t>(size)};
}

void Buffer::release() noexcept {
    bytes_.reset();
    capacity_ = 0;
}

TransferState::TransferState(const WritePlan& plan_in, const WorkList& work_in, Publication& publication,
                             io::WorkerPool& pool_in)
    : plan(plan_in), work(work_in), pool(pool_in), publication_(publication), ends_(plan_in.files.size()) {
    if (!plan.hooks) return;
    results_.resize(plan.files.size());
    for (std::uint32_t file = 0; file < plan.files.size(); ++file) {
        const std::vector<Piece>& pieces = plan.files[file].pieces;
        results_[file].resize(pieces.size());
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            PieceResult& result = results_[file][i];
            result = {pieces[i].offset, piece_length(pieces[i]), 0, 0};
            if (std::holds_alternative<Hole>(pieces[i].content) && wants_checksum(file))
                result.checksum = io::checksum_of_zeros(crc_of(plan.files[file].checksum), result.length);
        }
    }
}

void TransferState::write(std::uint32_t number, std::uint64_t offset, std::span<const std::byte> bytes,
                          Route route) {
    file(number).write_at(offset, bytes);
    wrote(number, offset + bytes.size(), bytes.size(), route);
}

void TransferState::wrote(std::uint32_t number, std::uint64_t end, std::uint64_t length, Route route) {
    routes_[static_cast<std::size_t>(route)].fetch_add(length, std::memory_order_relaxed);
    written_.fetch_add(length, std::memory_order_relaxed);
    std::uint64_t known = ends_[number].load(std::memory_order_relaxed);
    while (known < end && !ends_[number].compare_exchange_weak(known, end, std::memory_order_relaxed)) {
    }
}

TransferStats TransferState::stats() const {
    TransferStats stats;
    for (std::size_t i = 0; i < route_count; ++i)
        stats.bytes[i] = routes_[i].load(std::memory_order_relaxed);
    stats.written = written_.load(std::memory_order_relaxed);
    return stats;
}

void TransferState::add_checksum(std::uint32_t number, std::size_t piece, std::uint64_t begin,
                                 std::span<const std::byte> bytes) {
    if (!plan.hooks || !wants_checksum(number)) return;
    const std::uint32_t checksum = io::checksum(crc_of(plan.files[number].checksum), bytes);
    const std::lock_guard lock(results_mutex_);
    PieceResult& result = results_[number][piece];
    if (begin == 0 && bytes.size() == result.length)
        result.checksum = checksum;
    else
        partials_.push_back({number, piece, begin, bytes.size(), checksum});
}

void TransferState::set_result(std::uint32_t number, std::size_t piece, const PieceResult& result) {
    if (!plan.hooks) return;
    const std::lock_guard lock(results_mutex_);
    results_[number][piece] = result;
}

PlanResults TransferState::take_results() {
    std::sort(partials_.begin(), partials_.end(), [](const Partial& a, const Partial& b) {
        return std::tie(a.file, a.piece, a.begin) < std::tie(b.file, b.piece, b.begin);
    });
    for (const Partial& partial : partials_) {
        std::uint32_t& sum = results_[partial.file][partial.piece].checksum;
        const io::Crc kind = crc_of(plan.files[partial.file].checksum);
        sum =
            partial.begin == 0 ? partial.checksum : io::combine(kind, sum, partial.checksum, partial.length);
    }
    return std::move(results_);
}

TransferState::Gate::Gate(TransferState& state, std::size_t place) : state_(nullptr) {
    if (place == Unit::no_gate) return;
    state.pool.wait([&] { return state.gate_next_ == place && !state.gate_taken_; });
    state.pool.update([&] {
        state.gate_taken_ = true;
        ++state.gate_next_;
    });
    state_ = &state;
}

void TransferState::Gate::leave() noexcept {
    if (!state_) return;
    state_->pool.update([this] { state_->gate_taken_ = false; });
    state_ = nullptr;
}

}  // namespace ballast
