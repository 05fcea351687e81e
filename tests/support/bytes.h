// SPDX-License-Identifier: Apache-2.0
// Bytes for tests: from hex, from text, from files, and as a Source.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/io.h"

namespace ballast::test {

using Bytes = std::vector<std::byte>;

/// Spaces between the digits are skipped.
inline Bytes from_hex(std::string_view text) {
    Bytes bytes;
    int high = -1;
    for (const char c : text) {
        if (c == ' ') continue;
        const auto digit = std::string_view("0123456789abcdef").find(c);
        if (digit == std::string_view::npos) throw std::invalid_argument("no hex digit");
        if (high < 0) {
            high = static_cast<int>(digit);
        } else {
            bytes.push_back(static_cast<std::byte>(high << 4 | static_cast<int>(digit)));
            high = -1;
        }
    }
    return bytes;
}

inline Bytes from_text(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

inline Bytes from_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot open " + path.string());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return from_text(text);
}

inline std::shared_ptr<const io::Source> as_source(Bytes bytes, std::string path = "test") {
    const auto kept = std::make_shared<const Bytes>(std::move(bytes));
    return io::memory_source(kept, *kept, std::move(path));
}

}  // namespace ballast::test
