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

/// Another file in a location's file system.
inline void add_file(const Location& location, const std::string& name, std::string_view text) {
    auto file = location.fs->create_temporary(name);
    file->write_at(0, std::as_bytes(std::span(text)));
    const std::string temporary = file->name();
    file->close();
    location.fs->rename(temporary, name, io::Replace::never);
}

/// A new file system in memory that holds one file.
inline Location memory_file(std::string name, std::span<const std::byte> bytes) {
    Location location{io::memory(), std::move(name), Location::Kind::file};
    add_file(location, location.name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    return location;
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
