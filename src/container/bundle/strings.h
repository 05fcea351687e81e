// SPDX-License-Identifier: Apache-2.0
// String tensors as a bundle stores them: lengths, a checksum of the lengths, the bytes. Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ballast::bundle {

/// `crc` is the entry's, not masked. Errors: damaged, checksum_mismatch (without path and tensor).
std::vector<std::string> decode_strings(std::string_view stored, std::uint64_t count, std::uint32_t crc,
                                        bool big_endian);

struct EncodedStrings {
    std::string bytes;
    std::uint32_t crc = 0;  ///< for the entry, masked
};
EncodedStrings encode_strings(std::span<const std::string> strings);

}  // namespace ballast::bundle
