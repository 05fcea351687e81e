// SPDX-License-Identifier: Apache-2.0
// WorkerPool: runs numbered jobs on a few threads, in order of their numbers.
//
// Jobs start in order, so whatever a job waits for from lower numbers is done or being done: waiting for
// one's turn cannot deadlock. The first failing job (by number) decides the error; no further job starts
// after a failure. run() is for one thread at a time; checkpoint(), wait() and update() are for the jobs.
// With one thread, or one job, everything happens on the calling thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>

namespace ballast::io {

class WorkerPool {
public:
    /// Work(job, worker): worker < threads, for buffers of its own.
    using Work = std::function<void(std::size_t job, unsigned worker)>;
    /// Called on the calling thread now and then; throwing from it stops the run and is what run() throws.
    using Watch = std::function<void()>;

    explicit WorkerPool(unsigned threads) noexcept : threads_(threads == 0 ? 1 : threads) {}
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    unsigned threads() const noexcept { return threads_; }
    /// Returns when all jobs are done, or throws what the first failing one threw.
    void run(std::size_t jobs, const Work& work, const Watch& watch);

    /// For long jobs, every few MiB: leaves the job when the run has failed; on the calling thread it also
    /// watches.
    void checkpoint();
    /// Blocks until `ready()`, evaluated under the pool's lock, or leaves the job when the run has failed.
    template <class Ready>
    void wait(Ready ready) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stopping() || ready(); });
        if (stopping()) throw Stopped{};
    }
    /// Changes, under the pool's lock, what wait() looks at.
    template <class Change>
    void update(Change change) {
        {
            const std::lock_guard lock(mutex_);
            change();
        }
        changed_.notify_all();
    }

private:
    struct Stopped {};  // leaves a job that has nothing to report

    bool stopping() const noexcept { return stopping_.load(std::memory_order_relaxed); }
    void run_here(std::size_t jobs, const Work& work);
    void run_on_threads(std::size_t jobs, const Work& work);
    void serve(std::size_t jobs, const Work& work, unsigned worker) noexcept;
    void attend(const std::function<bool()>& finished);
    void fail(std::size_t job, std::exception_ptr failure) noexcept;

    const unsigned threads_;
    const Watch* watch_ = nullptr;
    bool alone_ = false;
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::condition_variable changed_;   // for the jobs
    std::condition_variable progress_;  // for the calling thread
    // Guarded by mutex_.
    std::size_t next_ = 0;
    std::size_t done_ = 0;
    unsigned serving_ = 0;
    std::size_t failed_job_ = 0;
    std::exception_ptr failure_;
};

}  // namespace ballast::io
