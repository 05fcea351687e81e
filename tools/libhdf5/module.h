// SPDX-License-Identifier: Apache-2.0
// The boundary between the tool and its module with the HDF5 C library. Plain C data alone crosses it, so
// that neither side needs a symbol of the other and the tool is linked to HDF5 only while somebody asks for
// it.
//
// The module exports one object, `ballast_libhdf5_v1`, of type Libhdf5Module. Its functions may be called
// from any thread and never throw; what fails fills a Libhdf5Failure. A source is the caller's until close().
#pragma once

#include <cstdint>

namespace ballast::tool {

inline constexpr const char* libhdf5_symbol = "ballast_libhdf5_v1";

/// An Error; texts that are too long are cut.
struct Libhdf5Failure {
    std::uint8_t code;  ///< ErrorCode
    char message[1024];
    char tensor[1024];
    char hint[512];
};

struct Libhdf5Module {
    std::uint64_t struct_size;
    /// The file as bytes that Ballast's own reader understands; null when it failed, with unknown_format for
    /// what is no HDF5 file.
    void* (*open)(const char* path, Libhdf5Failure* failure);
    std::uint64_t (*length)(const void* source);
    /// 1 when `out` was filled with the bytes from `offset` on.
    int (*read_at)(const void* source, std::uint64_t offset, void* out, std::uint64_t length,
                   Libhdf5Failure* failure);
    void (*close)(void* source);
};

}  // namespace ballast::tool
