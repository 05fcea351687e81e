// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "io/checksum.h"
#include "support/scratch.h"

using namespace ballast::io;
using ballast::test::as_bytes;

TEST_CASE("published check values") {
    CHECK(crc32(as_bytes("123456789")) == 0xCBF43926U);
    CHECK(crc32c(as_bytes("123456789")) == 0xE3069283U);
    CHECK(crc32({}) == 0);
    CHECK(crc32c({}) == 0);
    CHECK(crc32({}, 0x1234) == 0x1234);
    CHECK(crc32c({}, 0x1234) == 0x1234);
    // RFC 3720 B.4: 32 bytes of zeros.
    const std::vector<std::byte> zeros(32);
    CHECK(crc32c(zeros) == 0x8A9136AAU);
}

TEST_CASE("continued, combined and zero-run checksums equal the direct ones") {
    std::mt19937 random(7);
    std::vector<std::byte> bytes(5000);
    for (auto& byte : bytes)
        byte = static_cast<std::byte>(random());
    const std::span<const std::byte> all(bytes);
    for (const Crc kind : {Crc::crc32, Crc::crc32c}) {
        const std::uint32_t whole = checksum(kind, all);
        for (const std::size_t cut :
             {std::size_t{0}, std::size_t{1}, std::size_t{63}, std::size_t{2500}, bytes.size()}) {
            const std::uint32_t a = checksum(kind, all.first(cut));
            const std::uint32_t b = checksum(kind, all.subspan(cut));
            CHECK(checksum(kind, all.subspan(cut), a) == whole);
            CHECK(combine(kind, a, b, bytes.size() - cut) == whole);
        }
        for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{4097}})
            CHECK(checksum_of_zeros(kind, length) == checksum(kind, std::vector<std::byte>(length)));
    }
}
