// SPDX-License-Identifier: Apache-2.0
// FaultFs: wraps an Fs, counts every call and makes chosen ones fail.
//
// Counted are the calls of the Fs, its files and its sources that can throw. A fault hits the n-th call (from
// 0) once, or every call from the n-th on; in the latter case removals go on working, for otherwise nobody
// could clean up. Files and sources have no descriptors, so that no byte passes by uncounted. Calls may come
// from any threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ballast/error.h"
#include "ballast/io.h"

namespace ballast::test {

struct Fault {
    static constexpr std::uint64_t never = ~0ULL;
    std::uint64_t at = never;
    bool from_then_on = false;
    ErrorCode code = ErrorCode::write_failed;
};

/// What the wrapped Fs, File and Source objects share.
class FaultCounter {
public:
    explicit FaultCounter(Fault fault) : fault_(fault) {}
    /// Throws when it is this call's turn to fail.
    void call(const std::string& what, bool removal = false);
    std::uint64_t calls() const { return calls_; }
    /// The names of all calls, in order.
    std::vector<std::string> log() const;

private:
    Fault fault_;
    std::atomic<std::uint64_t> calls_{0};
    mutable std::mutex mutex_;
    std::vector<std::string> log_;
};

class FaultFs final : public io::Fs {
public:
    explicit FaultFs(std::shared_ptr<io::Fs> inner, Fault fault = {},
                     io::Fs::Traits traits = {true, true, true})
        : inner_(std::move(inner)), counter_(std::make_shared<FaultCounter>(fault)), traits_(traits) {}

    const FaultCounter& counter() const { return *counter_; }

    Traits traits() const noexcept override { return traits_; }
    std::string display(std::string_view name) const override { return inner_->display(name); }
    std::optional<io::FileStat> stat(std::string_view name) const override;
    std::shared_ptr<const io::Source> open(std::string_view name) const override;
    std::vector<io::DirEntry> list(std::string_view folder) const override;
    std::unique_ptr<io::File> create_temporary(std::string_view target) override;
    void remove_stale_temporaries(std::string_view target) noexcept override {
        inner_->remove_stale_temporaries(target);
    }
    void set_mode(std::string_view name, std::uint32_t mode) override;
    void rename(std::string_view from, std::string_view to, io::Replace replace) override;
    void remove(std::string_view name) override;
    void make_directory(std::string_view name) override;
    void remove_directory(std::string_view name) override;
    void sync_directory(std::string_view folder) override;

private:
    std::shared_ptr<io::Fs> inner_;
    std::shared_ptr<FaultCounter> counter_;
    Traits traits_;
};

}  // namespace ballast::test
