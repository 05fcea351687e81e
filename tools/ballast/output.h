// SPDX-License-Identifier: Apache-2.0
// Standard output of the tool: buffered, and every write checked.
//
// A reader that has gone away (`ballast inspect FILE | head -1`) is no error of ours: ClosedPipe leaves the
// command, and main() ends quietly with the exit code of a program killed by SIGPIPE. One thread.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <iterator>
#include <span>
#include <string_view>
#include <utility>

namespace ballast::tool {

/// Thrown when nobody reads standard output any more.
struct ClosedPipe {};

class Output {
public:
    Output() = default;
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    template <class... T>
    void print(fmt::format_string<T...> format, T&&... values) {
        fmt::format_to(std::back_inserter(buffer_), format, std::forward<T>(values)...);
        if (buffer_.size() > large) flush();
    }
    void write(std::string_view text) {
        buffer_.append(text.data(), text.data() + text.size());
        if (buffer_.size() > large) flush();
    }
    void write(std::span<const std::byte> bytes) {
        write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    }
    /// What is not flushed when the object goes is lost: a command that succeeded must call it. Throws
    /// ClosedPipe, or Error write_failed or no_space.
    void flush();

private:
    static constexpr std::size_t large = std::size_t{1} << 18;
    fmt::memory_buffer buffer_;
};

}  // namespace ballast::tool
