// SPDX-License-Identifier: Apache-2.0
// execute(): from a plan to published files.
#include "convert/transfer.h"

#include <algorithm>
#include <new>
#include <thread>

#include "ballast/error.h"
#include "convert/publish.h"
#include "convert/transfer_state.h"
#include "convert/transfer_units.h"
#include "io/worker_pool.h"

namespace ballast {
namespace {

constexpr unsigned most_threads = 8;

unsigned thread_count(const WriteOptions& options, const WorkList& work) {
    unsigned threads = options.threads;
    if (threads == 0) threads = std::clamp(std::thread::hardware_concurrency(), 1U, most_threads);
    return static_cast<unsigned>(std::clamp<std::size_t>(work.units.size(), 1, threads));
}

void check_hooks(const WritePlan& plan, const WorkList& work) {
    const bool chunks = std::any_of(work.units.begin(), work.units.end(),
                                    [](const Unit& unit) { return unit.kind == Unit::Kind::chunks; });
    if (chunks && !plan.hooks) throw Error(ErrorCode::internal, "a plan with encoded chunks has no hooks");
}

/// Calls the user's callbacks: on the calling thread, progress only when there is some.
class Watcher {
public:
    Watcher(const WriteOptions& options, const TransferState& state, std::uint64_t total)
        : options_(options), state_(state), total_(total) {}

    void operator()() {
        if (options_.cancel && options_.cancel())
            throw Error(ErrorCode::cancelled, "the operation was cancelled; the destination is as it was");
        if (!options_.progress) return;
        const std::uint64_t done = state_.done();
        if (reported_ && done == last_) return;
        last_ = done;
        reported_ = true;
        options_.progress({done, total_});
    }

private:
    const WriteOptions& options_;
    const TransferState& state_;
    std::uint64_t total_;
    std::uint64_t last_ = 0;
    bool reported_ = false;
};

void carry_out(TransferState& state, const Unit& unit, Workspace& memory) {
    switch (unit.kind) {
        case Unit::Kind::copy:
            return transfer_copy(state, unit, memory);
        case Unit::Kind::piece:
            return transfer_piece(state, unit, memory);
        case Unit::Kind::group:
            return transfer_group(state, unit, memory);
        case Unit::Kind::whole:
            return transfer_whole(state, unit);
        case Unit::Kind::chunks:
            return transfer_chunks(state, unit, memory);
    }
}

/// Patches and tail files, which may need to know everything written before.
void finish(const WritePlan& plan, TransferState& state, Publication& publication) {
    std::vector<std::uint64_t> ends(plan.files.size());
    for (std::size_t i = 0; i < ends.size(); ++i)
        ends[i] = state.end_of(i);
    if (plan.hooks) {
        const Finish last = plan.hooks->finish(state.take_results());
        for (const Patch& patch : last.patches) {
            if (patch.file >= ends.size())
                throw Error(ErrorCode::internal, "a patch for a file that is not planned");
            publication.file(patch.file).write_at(patch.offset, patch.bytes);
            ends[patch.file] = std::max<std::uint64_t>(ends[patch.file], patch.offset + patch.bytes.size());
        }
        for (const TailFile& tail : last.tail_files)
            publication.file(publication.add(tail.name)).write_at(0, tail.bytes);
    }
    // A hole at the end has not been written.
    for (std::size_t i = 0; i < ends.size(); ++i)
        if (ends[i] < plan.files[i].size) publication.file(i).resize(plan.files[i].size);
}

TransferStats transfer(const WritePlan& plan, const std::shared_ptr<io::Fs>& fs,
                       const WriteOptions& options) {
    const WorkList work = cut(plan);
    check_hooks(plan, work);
    Publication publication(fs, options, plan.commit);
    for (const PlannedFile& file : plan.files) {
        file.discard        ? publication.add_discarded(file.name)
        : file.after_commit ? publication.add_late(file.name)
                            : publication.add(file.name);
    }

    io::WorkerPool pool(thread_count(options, work));
    TransferState state(plan, work, publication, pool);
    Watcher watch(options, state, plan.tensor_bytes());
    std::vector<Workspace> memory(pool.threads());
    pool.run(
        work.units.size(),
        [&](std::size_t unit, unsigned worker) { carry_out(state, work.units[unit], memory[worker]); },
        [&] { watch(); });
    memory.clear();
    finish(plan, state, publication);
    watch();
    TransferStats stats = state.stats();
    stats.not_removed = publication.commit(plan.remove_after);
    return stats;
}

}  // namespace

TransferStats execute(const WritePlan& plan, const std::shared_ptr<io::Fs>& fs, const WriteOptions& options) {
    try {
        return transfer(plan, fs, options);
    } catch (const std::bad_alloc&) {
        throw Error(ErrorCode::out_of_memory, "not enough memory to write; the destination is as it was")
            .in(fs->display(plan.commit))
            .hint("use fewer threads (-j 1) or free some memory");
    }
}

}  // namespace ballast
