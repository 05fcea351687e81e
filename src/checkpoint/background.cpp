// SPDX-License-Identifier: Apache-2.0
// One job at a time on a thread of its own, see background.h.
#include "checkpoint/background.h"

#include <utility>

namespace ballast {

Background::~Background() {
    if (thread_.joinable()) thread_.join();
}

void Background::start(std::function<void()> job) {
    wait();
    thread_ = std::thread([this, work = std::move(job)] {
        try {
            work();
        } catch (...) {
            failure_ = std::current_exception();
        }
    });
}

void Background::wait() {
    if (thread_.joinable()) thread_.join();
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

}  // namespace ballast
