// SPDX-License-Identifier: Apache-2.0
// ScratchFile: a file in memory that both sides of the bridge can open: the HDF5 C library by path, Ballast
// by reads and writes. It is sparse, so the room that tensors take in it costs nothing. It has no name on
// disk and is gone with the object. Owned by one object; reads may come from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace ballast::hdf5lib {

class ScratchFile {
public:
    ScratchFile();
    ~ScratchFile();
    ScratchFile(ScratchFile&& other) noexcept;
    ScratchFile& operator=(ScratchFile&&) = delete;

    /// A path under which this process can open it.
    std::string path() const;
    std::uint64_t size() const;
    void resize(std::uint64_t size);
    /// Throws truncated when the bytes are not all there.
    void read_at(std::uint64_t offset, std::span<std::byte> out) const;
    void write_at(std::uint64_t offset, std::span<const std::byte> bytes);

private:
    int descriptor_ = -1;
};

}  // namespace ballast::hdf5lib
