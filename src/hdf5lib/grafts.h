// SPDX-License-Identifier: Apache-2.0
// Grafts: which bytes of a file's address space are in truth the elements of a dataset in another file.
//
// The bridge between Ballast, which sees a file as bytes, and the HDF5 C library, which gives and takes
// elements. Filled by one thread; then read_at and write_at may be called from any, and take the lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "hdf5lib/session.h"

namespace ballast::hdf5lib {

class Grafts {
public:
    /// The bytes from `offset` on are the dataset at `path` below the group given to read and write.
    void add(std::uint64_t offset, std::uint64_t length, std::string path);
    /// Call once after the last add().
    void sort();

    /// Fills those bytes of the range that belong to datasets below `group`; the others go to `rest`.
    void read_at(hid_t group, std::uint64_t offset, std::span<std::byte> out,
                 const std::function<void(std::uint64_t, std::span<std::byte>)>& rest) const;
    /// Stores those bytes of the range that belong to datasets; the others are dropped.
    void write_at(hid_t group, std::uint64_t offset, std::span<const std::byte> bytes) const;

private:
    struct Graft {
        std::uint64_t offset;
        std::uint64_t length;
        std::string path;
    };
    /// The first graft that ends behind `offset`.
    std::size_t first_after(std::uint64_t offset) const;

    std::vector<Graft> grafts_;
};

}  // namespace ballast::hdf5lib
