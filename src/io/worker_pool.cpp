// SPDX-License-Identifier: Apache-2.0
// Threads that take jobs in order.
#include "io/worker_pool.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <thread>
#include <vector>

namespace ballast::io {

void WorkerPool::run(std::size_t jobs, const Work& work, const Watch& watch) {
    watch_ = &watch;
    stopping_ = false;
    next_ = done_ = 0;
    serving_ = 0;
    failure_ = nullptr;
    alone_ = threads_ == 1 || jobs <= 1;
    if (alone_)
        run_here(jobs, work);
    else
        run_on_threads(jobs, work);
}

void WorkerPool::run_here(std::size_t jobs, const Work& work) {
    for (std::size_t job = 0; job < jobs; ++job) {
        (*watch_)();
        work(job, 0);
    }
    (*watch_)();
}

void WorkerPool::run_on_threads(std::size_t jobs, const Work& work) {
    const auto wanted = static_cast<unsigned>(std::min<std::size_t>(threads_, jobs));
    std::vector<std::thread> crew;
    crew.reserve(wanted);
    try {
        for (unsigned worker = 0; worker < wanted; ++worker) {
            {
                const std::lock_guard lock(mutex_);
                ++serving_;
            }
            crew.emplace_back([this, jobs, &work, worker] { serve(jobs, work, worker); });
        }
    } catch (const std::system_error&) {  // no more threads to be had: go on with those there are
        const std::lock_guard lock(mutex_);
        --serving_;
    }
    std::exception_ptr watch_failure;
    if (crew.empty()) {
        alone_ = true;
        run_here(jobs, work);
        return;
    }
    try {
        attend([this] { return serving_ == 0; });
    } catch (...) {
        watch_failure = std::current_exception();
        update([this] { stopping_ = true; });
    }
    for (std::thread& thread : crew)
        thread.join();
    if (failure_) std::rethrow_exception(failure_);
    if (watch_failure) std::rethrow_exception(watch_failure);
    (*watch_)();
}

/// Calls the watch after jobs are done and at least ten times a second.
void WorkerPool::attend(const std::function<bool()>& finished) {
    using namespace std::chrono_literals;
    std::size_t seen = 0;
    for (std::unique_lock lock(mutex_); !finished();) {
        progress_.wait_for(lock, 100ms, [&] { return finished() || done_ != seen; });
        seen = done_;
        lock.unlock();
        (*watch_)();
        lock.lock();
    }
}

void WorkerPool::serve(std::size_t jobs, const Work& work, unsigned worker) noexcept {
    for (;;) {
        std::size_t job = 0;
        {
            const std::lock_guard lock(mutex_);
            if (stopping() || next_ == jobs) {
                --serving_;
                break;
            }
            job = next_++;
        }
        try {
            work(job, worker);
        } catch (const Stopped&) {
        } catch (...) {
            fail(job, std::current_exception());
        }
        {
            const std::lock_guard lock(mutex_);
            ++done_;
        }
        progress_.notify_one();
    }
    progress_.notify_one();
}

void WorkerPool::fail(std::size_t job, std::exception_ptr failure) noexcept {
    update([&] {
        if (!failure_ || job < failed_job_) {
            failure_ = std::move(failure);
            failed_job_ = job;
        }
        stopping_ = true;
    });
}

void WorkerPool::checkpoint() {
    if (alone_)
        (*watch_)();
    else if (stopping())
        throw Stopped{};
}

}  // namespace ballast::io
