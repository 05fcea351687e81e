// SPDX-License-Identifier: Apache-2.0
// String tensors as a bundle stores them: lengths, a checksum of the lengths, the bytes. Pure functions.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace ballast::bundle {

/// Gets one string after the other; the views end with the call.
using EachString = std::function<void(std::string_view text)>;

/// `crc` is the entry's, not masked. Everything is checked before `each` gets the first string; without one
/// it is checked only. Takes no memory by the number of strings. Errors: damaged, checksum_mismatch (without
/// path and tensor).
void decode_strings(std::string_view stored, std::uint64_t count, std::uint32_t crc, bool big_endian,
                    const EachString& each);

struct EncodedStrings {
    std::string bytes;
    std::uint32_t crc = 0;  ///< for the entry, masked
};
EncodedStrings encode_strings(std::span<const std::string> strings);
/// `walk` calls what it is given for every string in order, and is called twice.
EncodedStrings encode_strings(const std::function<void(const EachString&)>& walk);

}  // namespace ballast::bundle
