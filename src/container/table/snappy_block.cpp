// SPDX-License-Identifier: Apache-2.0
// Snappy blocks, see snappy_block.h.
#include "container/table/snappy_block.h"

#include <snappy.h>

#include "ballast/error.h"

namespace ballast::table {
namespace {

constexpr std::uint64_t most_expansion = 64;  ///< the format's own bound is about 21

}  // namespace

std::string decompressed(const std::string& stored, std::uint64_t most) {
    std::size_t length = 0;
    if (!snappy::GetUncompressedLength(stored.data(), stored.size(), &length))
        throw Error(ErrorCode::damaged, "a compressed block has no length");
    if (length > most || length > most_expansion * stored.size())
        throw Error(ErrorCode::limit_exceeded, "a compressed block declares an absurd length");
    std::string bytes(length, '\0');
    if (!snappy::RawUncompress(stored.data(), stored.size(), bytes.data()))
        throw Error(ErrorCode::damaged, "a compressed block does not decompress");
    return bytes;
}

}  // namespace ballast::table
