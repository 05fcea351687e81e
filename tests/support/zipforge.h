// SPDX-License-Identifier: Apache-2.0
// Zip archives made byte by byte, so that every field can lie. Independent of src/container/zip.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/checksum.h"

namespace ballast::test {

inline std::string le(std::uint64_t value, unsigned bytes) {
    std::string text;
    for (unsigned i = 0; i < bytes; ++i)
        text += static_cast<char>(value >> (8 * i));
    return text;
}

/// One member; what is not set says the truth.
struct ForgedMember {
    std::string name, data;
    unsigned method = 0, flags = 0;
    std::optional<std::uint64_t> crc{}, stored{}, size{}, offset{};          ///< in the directory
    std::optional<std::uint64_t> local_crc{}, local_stored{}, local_size{};  ///< default: as in the directory
    std::optional<std::string> local_name{};
    std::string extra{}, local_extra{}, after{};  ///< fields; bytes behind the data
    unsigned disk = 0;
    std::optional<unsigned> local_flags{}, local_method{};
};

struct Forgery {
    std::vector<ForgedMember> members;
    std::string before{}, between{}, comment{};  ///< bytes before all, before the directory, and the comment
    std::optional<std::uint64_t> count{}, count_here{}, directory_size{}, directory_offset{};
    std::string wide{};  ///< records between directory and end record
    unsigned disk = 0;

    std::string bytes() const {
        std::string file = before, directory;
        for (const ForgedMember& m : members) {
            const std::uint64_t crc = m.crc.value_or(io::crc32(std::as_bytes(std::span(m.data))));
            const std::uint64_t stored = m.stored.value_or(m.data.size()),
                                size = m.size.value_or(m.data.size());
            directory += "PK\x01\x02" + le(20, 2) + le(20, 2) + le(m.flags, 2) + le(m.method, 2) +
                         le(0x210000, 4) + le(crc, 4) + le(stored, 4) + le(size, 4) + le(m.name.size(), 2) +
                         le(m.extra.size(), 2) + le(0, 2) + le(m.disk, 2) + le(0, 6) +
                         le(m.offset.value_or(file.size()), 4) + m.name + m.extra;
            const std::string name = m.local_name.value_or(m.name);
            file += "PK\x03\x04" + le(20, 2) + le(m.local_flags.value_or(m.flags), 2) +
                    le(m.local_method.value_or(m.method), 2) + le(0x210000, 4) +
                    le(m.local_crc.value_or(crc), 4) + le(m.local_stored.value_or(stored), 4) +
                    le(m.local_size.value_or(size), 4) + le(name.size(), 2) + le(m.local_extra.size(), 2) +
                    name + m.local_extra + m.data + m.after;
        }
        file += between;
        const std::uint64_t at = directory_offset.value_or(file.size());
        const std::uint64_t all = count.value_or(members.size());
        return file + directory + wide + "PK\x05\x06" + le(disk, 2) + le(0, 2) +
               le(count_here.value_or(all), 2) + le(all, 2) +
               le(directory_size.value_or(directory.size()), 4) + le(at, 4) + le(comment.size(), 2) + comment;
    }
};

/// A zip64 extra field.
inline std::string wide_field(const std::vector<std::uint64_t>& numbers) {
    std::string text = le(1, 2) + le(8 * numbers.size(), 2);
    for (const std::uint64_t number : numbers)
        text += le(number, 8);
    return text;
}

/// The zip64 end record and its locator, for a directory that lies at `offset`.
inline std::string wide_end(std::uint64_t members, std::uint64_t offset, std::uint64_t size) {
    return "PK\x06\x06" + le(44, 8) + le(45, 2) + le(45, 2) + le(0, 8) + le(members, 8) + le(members, 8) +
           le(size, 8) + le(offset, 8) + "PK\x06\x07" + le(0, 4) + le(offset + size, 8) + le(1, 4);
}

}  // namespace ballast::test
