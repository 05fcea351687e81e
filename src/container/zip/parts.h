// SPDX-License-Identifier: Apache-2.0
// What the parts of the zip reader share: the end record, zip64 fields, errors.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "ballast/error.h"
#include "ballast/io.h"
#include "container/zip/zip.h"

namespace ballast::zip {

/// Where the directory is, as the records at the end of the file say.
struct End {
    std::uint64_t members = 0;
    std::uint64_t directory_offset = 0, directory_size = 0;  ///< it ends where the end records start
};
End read_end(const io::Source& source);

/// One of the numbers that may be in a zip64 field instead, and how wide it is there.
struct WideNumber {
    std::uint64_t* value = nullptr;
    std::uint64_t full = 0;  ///< the value that means "in the zip64 field"
    std::size_t bytes = 8;
};
/// Replaces those of the numbers that are full by their zip64 values, which must be there. Where none is
/// full, a zip64 field may repeat them, but not contradict them.
/// `offset` is the place of `extra` in the file.
void apply_wide(std::span<const std::byte> extra, std::span<const WideNumber> numbers,
                const io::Source& source, std::uint64_t offset);

/// Compares local headers and descriptors with the members, sets their data offsets, and checks that all of
/// the file before the directory belongs to exactly one member.
void check_local(const io::Source& source, std::vector<Member>& members, std::uint64_t directory_offset);

inline Error broken(const io::Source& source, std::uint64_t offset, std::string message,
                    ErrorCode code = ErrorCode::damaged) {
    return Error(code, std::move(message)).in(source.path()).at(offset);
}

}  // namespace ballast::zip
