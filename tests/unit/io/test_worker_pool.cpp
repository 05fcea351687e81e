// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "io/worker_pool.h"

using ballast::io::WorkerPool;

TEST_CASE("every job runs once, whatever the thread count") {
    for (const unsigned threads : {1U, 2U, 8U}) {
        for (const std::size_t jobs : {std::size_t{0}, std::size_t{1}, std::size_t{3}, std::size_t{1000}}) {
            WorkerPool pool(threads);
            std::vector<std::atomic<int>> runs(jobs);
            pool.run(
                jobs,
                [&](std::size_t job, unsigned worker) {
                    CHECK(worker < threads);
                    ++runs[job];
                },
                [] {});
            for (const auto& count : runs)
                CHECK(count == 1);
        }
    }
}

TEST_CASE("the first failing job decides the error and stops the run") {
    for (const unsigned threads : {1U, 4U}) {
        WorkerPool pool(threads);
        std::atomic<std::size_t> started{0};
        auto work = [&](std::size_t job, unsigned) {
            ++started;
            if (job >= 10) throw std::runtime_error(std::to_string(job));
        };
        try {
            pool.run(100000, work, [] {});
            FAIL("no error");
        } catch (const std::runtime_error& error) {
            CHECK(error.what() == std::string("10"));
        }
        CHECK(started <= 10 + threads);
    }
}

TEST_CASE("the watch runs on the calling thread and stops the run by throwing") {
    for (const unsigned threads : {1U, 4U}) {
        WorkerPool pool(threads);
        const auto caller = std::this_thread::get_id();
        std::atomic<std::size_t> started{0};
        auto work = [&](std::size_t, unsigned) {
            ++started;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            pool.checkpoint();
        };
        auto watch = [&] {
            CHECK(std::this_thread::get_id() == caller);
            if (started > 3) throw std::invalid_argument("enough");
        };
        CHECK_THROWS_AS(pool.run(100000, work, watch), std::invalid_argument);
        CHECK(started < 1000);
    }
}

TEST_CASE("jobs can wait for their turn") {
    for (const unsigned threads : {1U, 2U, 8U}) {
        WorkerPool pool(threads);
        std::vector<std::size_t> order;
        pool.run(
            2000,
            [&](std::size_t job, unsigned) {
                pool.wait([&] { return order.size() == job; });
                pool.update([&] { order.push_back(job); });
            },
            [] {});
        for (std::size_t i = 0; i < order.size(); ++i)
            CHECK(order[i] == i);
    }
}

TEST_CASE("a job waiting for its turn is released when another fails") {
    WorkerPool pool(4);
    CHECK_THROWS_AS(pool.run(
                        100,
                        [&](std::size_t job, unsigned) {
                            if (job == 2) throw std::logic_error("two");
                            pool.wait([&] { return job == 0; });
                        },
                        [] {}),
                    std::logic_error);
}
