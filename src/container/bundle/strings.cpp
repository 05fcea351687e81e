// SPDX-License-Identifier: Apache-2.0
// String tensors, see strings.h.
#include "container/bundle/strings.h"

#include <algorithm>

#include "ballast/error.h"
#include "container/table/table.h"
#include "container/table/varint.h"
#include "io/checksum.h"

namespace ballast::bundle {
namespace {

std::uint32_t extend(std::uint32_t crc, std::string_view bytes) {
    return io::crc32c(std::as_bytes(std::span(bytes)), crc);
}

/// The checksum sees a length as four bytes, eight where four do not do, in the writer's byte order.
std::uint32_t extend_length(std::uint32_t crc, std::uint64_t length, bool big_endian) {
    std::string word;
    const int bits = length > 0xffffffffU ? 64 : 32;
    for (int shift = 0; shift < bits; shift += 8)
        word.push_back(static_cast<char>(length >> shift));
    if (big_endian) std::reverse(word.begin(), word.end());
    return extend(crc, word);
}

Error mismatch(std::string message) {
    return Error(ErrorCode::checksum_mismatch, std::move(message))
        .hint("the file has changed since it was written: use another copy");
}

}  // namespace

std::vector<std::string> decode_strings(std::string_view stored, std::uint64_t count, std::uint32_t crc,
                                        bool big_endian) {
    if (count == 0 && stored.empty()) return {};
    if (count > stored.size()) throw Error(ErrorCode::damaged, "a text tensor has fewer bytes than strings");
    std::vector<std::uint64_t> lengths;
    lengths.reserve(static_cast<std::size_t>(count));
    std::uint32_t running = 0;
    std::string_view rest = stored;
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto length = table::take_varint(rest);
        if (!length || *length > stored.size())
            throw Error(ErrorCode::damaged, "a text tensor holds an impossible length");
        lengths.push_back(*length);
        running = extend_length(running, *length, big_endian);
    }
    if (rest.size() < 4) throw Error(ErrorCode::damaged, "a text tensor ends within its lengths");
    std::string word(rest.substr(0, 4));
    if (big_endian) std::reverse(word.begin(), word.end());
    if (table::fixed32(word) != table::mask(running))
        throw mismatch("the lengths of a text tensor do not fit their checksum");
    running = extend(running, rest.substr(0, 4));
    rest.remove_prefix(4);
    std::vector<std::string> strings;
    strings.reserve(lengths.size());
    running = extend(running, rest);
    for (const std::uint64_t length : lengths) {
        if (length > rest.size()) throw Error(ErrorCode::damaged, "a text tensor ends within a string");
        strings.emplace_back(rest.substr(0, static_cast<std::size_t>(length)));
        rest.remove_prefix(static_cast<std::size_t>(length));
    }
    if (!rest.empty()) throw Error(ErrorCode::damaged, "a text tensor has bytes behind its strings");
    // An empty one is stored as its checksum alone.
    if (count != 0 && running != crc) throw mismatch("a text tensor does not fit its checksum");
    return strings;
}

EncodedStrings encode_strings(std::span<const std::string> strings) {
    EncodedStrings result;
    std::uint32_t crc = 0;
    for (const std::string& text : strings) {
        table::put_varint(result.bytes, text.size());
        crc = extend_length(crc, text.size(), false);
    }
    std::string word;
    table::put_fixed32(word, table::mask(crc));
    crc = extend(crc, word);
    result.bytes += word;
    for (const std::string& text : strings) {
        result.bytes += text;
        crc = extend(crc, text);
    }
    result.crc = table::mask(crc);
    return result;
}

}  // namespace ballast::bundle
