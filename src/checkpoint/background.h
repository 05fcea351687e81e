// SPDX-License-Identifier: Apache-2.0
// Background: one job at a time on a thread of its own; what it threw comes out at the next call.
#pragma once

#include <exception>
#include <functional>
#include <thread>

namespace ballast {

/// For one thread. The destructor waits, and drops an error.
class Background {
public:
    Background() = default;
    ~Background();
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;

    /// Waits for the job before (and throws what it threw), then starts this one.
    void start(std::function<void()> job);
    /// Until the job is done; throws what it threw, once.
    void wait();

private:
    std::thread thread_;
    std::exception_ptr failure_;
};

}  // namespace ballast
