// SPDX-License-Identifier: Apache-2.0
// Files in a file system in memory, opened as the library opens files.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/archive.h"
#include "ballast/io.h"
#include "ballast/registry.h"

namespace ballast::test {

/// A new file system in memory that holds one file.
inline Location memory_file(std::string name, std::span<const std::byte> bytes) {
    auto fs = io::memory();
    auto file = fs->create_temporary(name);
    file->write_at(0, bytes);
    const std::string temporary = file->name();
    file->close();
    fs->rename(temporary, name, io::Replace::never);
    return {std::move(fs), std::move(name), Location::Kind::file};
}

inline Location memory_file(std::string name, std::string_view text) {
    return memory_file(std::move(name), std::as_bytes(std::span(text)));
}

/// The whole file.
inline std::vector<std::byte> bytes_of(const Location& location) {
    const auto source = location.fs->open(location.name);
    std::vector<std::byte> bytes(static_cast<std::size_t>(source->size()));
    source->read_at(0, bytes);
    return bytes;
}

inline std::string text_of(const Location& location) {
    const std::vector<std::byte> bytes = bytes_of(location);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The decoded bytes of one tensor.
inline std::string tensor_bytes(const Archive& archive, std::size_t position) {
    std::string bytes(static_cast<std::size_t>(archive.index().tensors()[position].byte_count()), '\0');
    archive.read(position, std::as_writable_bytes(std::span(bytes)));
    return bytes;
}

}  // namespace ballast::test
