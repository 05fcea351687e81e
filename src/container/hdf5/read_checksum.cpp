// SPDX-License-Identifier: Apache-2.0
// Jenkins lookup3 over bytes.
#include "container/hdf5/read_checksum.h"

#include <bit>
#include <string>

#include "ballast/error.h"
#include "container/hdf5/read_cursor.h"

namespace ballast::hdf5 {

namespace {

struct State {
    std::uint32_t a, b, c;

    void add(const std::byte* bytes) noexcept {
        a += static_cast<std::uint32_t>(load_le(bytes, 4));
        b += static_cast<std::uint32_t>(load_le(bytes + 4, 4));
        c += static_cast<std::uint32_t>(load_le(bytes + 8, 4));
    }
    void mix() noexcept {
        a -= c, a ^= std::rotl(c, 4), c += b;
        b -= a, b ^= std::rotl(a, 6), a += c;
        c -= b, c ^= std::rotl(b, 8), b += a;
        a -= c, a ^= std::rotl(c, 16), c += b;
        b -= a, b ^= std::rotl(a, 19), a += c;
        c -= b, c ^= std::rotl(b, 4), b += a;
    }
    void finish() noexcept {
        c ^= b, c -= std::rotl(b, 14);
        a ^= c, a -= std::rotl(c, 11);
        b ^= a, b -= std::rotl(a, 25);
        c ^= b, c -= std::rotl(b, 16);
        a ^= c, a -= std::rotl(c, 4);
        b ^= a, b -= std::rotl(a, 14);
        c ^= b, c -= std::rotl(b, 24);
    }
};

}  // namespace

std::uint32_t lookup3(std::span<const std::byte> bytes) noexcept {
    const std::uint32_t start = 0xdeadbeef + static_cast<std::uint32_t>(bytes.size());
    State state{start, start, start};
    if (bytes.empty()) return state.c;
    while (bytes.size() > 12) {
        state.add(bytes.data());
        state.mix();
        bytes = bytes.subspan(12);
    }
    std::byte tail[12] = {};
    for (std::size_t i = 0; i < bytes.size(); ++i)
        tail[i] = bytes[i];
    state.add(tail);
    state.finish();
    return state.c;
}

void verify_checksum(std::span<const std::byte> bytes, std::uint64_t position, std::string_view structure) {
    const auto body = bytes.first(bytes.size() - 4);
    if (lookup3(body) == load_le(bytes.data() + body.size(), 4)) return;
    throw Error(ErrorCode::checksum_mismatch,
                "HDF5: the checksum of " + std::string(structure) + " does not fit it")
        .at(position);
}

}  // namespace ballast::hdf5
