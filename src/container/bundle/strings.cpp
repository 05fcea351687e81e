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

void decode_strings(std::string_view stored, std::uint64_t count, std::uint32_t crc, bool big_endian,
                    const EachString& each) {
    if (count == 0 && stored.empty()) return;
    if (count > stored.size()) throw Error(ErrorCode::damaged, "a text tensor has fewer bytes than strings");
    std::uint32_t running = 0;
    std::uint64_t sum = 0;
    std::string_view rest = stored;
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto length = table::take_varint(rest);
        if (!length || *length > stored.size() - sum)
            throw Error(ErrorCode::damaged, "a text tensor holds an impossible length");
        sum += *length;
        running = extend_length(running, *length, big_endian);
    }
    if (rest.size() < 4) throw Error(ErrorCode::damaged, "a text tensor ends within its lengths");
    std::string word(rest.substr(0, 4));
    if (big_endian) std::reverse(word.begin(), word.end());
    if (table::fixed32(word) != table::mask(running))
        throw mismatch("the lengths of a text tensor do not fit their checksum");
    running = extend(running, rest.substr(0, 4));
    rest.remove_prefix(4);
    running = extend(running, rest);
    if (rest.size() < sum) throw Error(ErrorCode::damaged, "a text tensor ends within a string");
    if (rest.size() > sum) throw Error(ErrorCode::damaged, "a text tensor has bytes behind its strings");
    // An empty one is stored as its checksum alone.
    if (count != 0 && running != crc) throw mismatch("a text tensor does not fit its checksum");
    if (!each) return;
    // The lengths again, which costs less than keeping them: they may be as many as there are bytes.
    std::string_view lengths = stored;
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto length = static_cast<std::size_t>(*table::take_varint(lengths));
        each(rest.substr(0, length));
        rest.remove_prefix(length);
    }
}

EncodedStrings encode_strings(const std::function<void(const EachString&)>& walk) {
    EncodedStrings result;
    std::uint32_t crc = 0;
    walk([&](std::string_view text) {
        table::put_varint(result.bytes, text.size());
        crc = extend_length(crc, text.size(), false);
    });
    std::string word;
    table::put_fixed32(word, table::mask(crc));
    crc = extend(crc, word);
    result.bytes += word;
    walk([&](std::string_view text) {
        result.bytes += text;
        crc = extend(crc, text);
    });
    result.crc = table::mask(crc);
    return result;
}

EncodedStrings encode_strings(std::span<const std::string> strings) {
    return encode_strings([&](const EachString& each) {
        for (const std::string& text : strings)
            each(text);
    });
}

}  // namespace ballast::bundle
