// SPDX-License-Identifier: Apache-2.0
// Scratch: a folder of its own for one test, removed afterwards; and small helpers for files in it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ballast::test {

/// Creates an empty folder below the system's temporary folder and removes it with all it holds.
class Scratch {
public:
    Scratch();
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    const std::filesystem::path& path() const noexcept { return path_; }
    std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
    /// Names of all entries, sorted.
    std::vector<std::string> names() const;

private:
    std::filesystem::path path_;
};

void write_file(const std::filesystem::path& path, std::string_view text);
std::string read_file(const std::filesystem::path& path);

inline std::span<const std::byte> as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// How many descriptors this process has open.
std::size_t open_descriptors();

}  // namespace ballast::test
