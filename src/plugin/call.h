// SPDX-License-Identifier: Apache-2.0
// Call: what the host keeps while a plugin's C function runs: the first error, and the memory it was given.
//
// No exception passes through a plugin's frames: callbacks run inside guard(), which remembers what was
// thrown; check() throws it again once the plugin has answered. Used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/error.h"
#include "ballast/limits.h"
#include "ballast/plugin_abi.h"

namespace ballast::plugin {

class Call {
public:
    /// `plugin` and `path` are for messages.
    Call(std::string plugin, std::string path, const Limits& limits);
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    const Limits& limits() const noexcept { return limits_; }
    const ballast_limits* abi_limits() const noexcept { return &abi_limits_; }
    const std::string& path() const noexcept { return path_; }

    /// An error that names the file and says which plugin spoke.
    Error error(ErrorCode code, std::string message) const;
    /// Runs a callback's work; BALLAST_OK, or the code of what it threw.
    template <class Work>
    std::int32_t guard(Work&& work) noexcept {
        try {
            work();
            return BALLAST_OK;
        } catch (...) {
            return keep(std::current_exception());
        }
    }
    /// Throws what was remembered, or an error for an answer without a reason. A plugin that goes on after a
    /// failure of the host does not get away with it.
    void check(std::int32_t answer);
    /// The same, but hands out a remembered error of that code: a probe that reads beyond a short file.
    bool forget(ErrorCode code) noexcept;

    // The functions of ballast_input and ballast_model; `context` is a Call.
    static void* allocate(void* context, std::uint64_t size);
    static std::int32_t fail(void* context, std::int32_t code, std::uint64_t offset, const char* message);

private:
    std::int32_t keep(std::exception_ptr failure) noexcept;

    std::string plugin_, path_;
    Limits limits_;
    ballast_limits abi_limits_;
    std::exception_ptr failure_;
    std::vector<std::unique_ptr<std::byte[]>> memory_;
    std::uint64_t taken_ = 0;
};

/// A code of plugin_abi.h as one of ours; internal for those that are none.
ErrorCode code_of(std::int32_t code) noexcept;

/// The bytes of a text; throws when it is no UTF-8, longer than `most`, or null with a size. `what` names it.
std::string_view text_of(const Call& call, const ballast_text& text, std::uint64_t most,
                         std::string_view what);

}  // namespace ballast::plugin
