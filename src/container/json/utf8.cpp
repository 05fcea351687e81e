// SPDX-License-Identifier: Apache-2.0
// UTF-8 checking and decoding, by the table of well-formed byte sequences of the Unicode standard.
#include "container/json/utf8.h"

#include <array>

namespace ballast::utf8 {
namespace {

/// Sequences whose lead byte is in [first, last] and whose second byte is in [low, high].
struct Row {
    unsigned char first, last, low, high;
    std::size_t length;
};
constexpr std::array<Row, 8> rows{{
    {0xc2, 0xdf, 0x80, 0xbf, 2},
    {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3},
    {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4},
    {0xf4, 0xf4, 0x80, 0x8f, 4},
}};
constexpr std::array<std::uint32_t, 5> lead_mask{0, 0, 0x1f, 0x0f, 0x07};

}  // namespace

std::uint32_t decode(std::string_view text, std::size_t& position) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[position + i]); };
    const unsigned char lead = byte(0);
    const std::size_t left = text.size() - position;
    if (lead < 0x80) {
        ++position;
        return lead;
    }
    for (const Row& row : rows) {
        if (lead < row.first || lead > row.last) continue;
        if (left < row.length || byte(1) < row.low || byte(1) > row.high) break;
        std::uint32_t code = lead & lead_mask[row.length];
        for (std::size_t i = 1; i < row.length; ++i) {
            if ((byte(i) & 0xc0) != 0x80) {
                ++position;
                return invalid;
            }
            code = code << 6 | (byte(i) & 0x3fU);
        }
        position += row.length;
        return code;
    }
    ++position;
    return invalid;
}

std::size_t find_invalid(std::string_view text) noexcept {
    std::size_t position = 0;
    while (position < text.size()) {
        const std::size_t start = position;
        if (decode(text, position) == invalid) return start;
    }
    return std::string_view::npos;
}

}  // namespace ballast::utf8
