// SPDX-License-Identifier: Apache-2.0
// LZF and zstd: vectors of other programs, streams that are wrong, chains of compressions.
#include <doctest/doctest.h>
#include <libdeflate.h>
#if BALLAST_HAS_ZSTD
#include <zstd.h>
#endif

#include <random>

#include "filter/decode.h"
#include "filter/filters.h"
#include "support/bytes.h"
#include "support/expect_error.h"

using namespace ballast;
using test::Bytes;
using test::from_hex;
using test::from_text;

namespace {

const Filter lzf{Filter::lzf, {4, 0x0105, 60}}, deflate{Filter::deflate, {6}},
    fletcher{Filter::fletcher32, {}};

Bytes expanded(const Bytes& stored, std::size_t size) {
    Bytes out(size);
    out.resize(filter::expand_lzf(stored, out));
    return out;
}

ErrorCode lzf_code(const Bytes& stored, std::size_t size) {
    return test::code_of([&] { expanded(stored, size); });
}

Bytes repeated(std::string_view text, std::size_t count) {
    Bytes bytes;
    for (std::size_t i = 0; i < count; ++i) {
        const Bytes part = from_text(text);
        bytes.insert(bytes.end(), part.begin(), part.end());
    }
    return bytes;
}

Bytes deflated(const Bytes& bytes) {
    libdeflate_compressor* compressor = libdeflate_alloc_compressor(6);
    Bytes out(libdeflate_zlib_compress_bound(compressor, bytes.size()));
    out.resize(libdeflate_zlib_compress(compressor, bytes.data(), bytes.size(), out.data(), out.size()));
    libdeflate_free_compressor(compressor);
    return out;
}

/// As literals alone, which every LZF reader takes.
Bytes as_literals(const Bytes& bytes) {
    Bytes out;
    for (std::size_t at = 0; at < bytes.size(); at += 32) {
        const std::size_t count = std::min<std::size_t>(32, bytes.size() - at);
        out.push_back(static_cast<std::byte>(count - 1));
        out.insert(out.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at),
                   bytes.begin() + static_cast<std::ptrdiff_t>(at + count));
    }
    return out;
}

}  // namespace

TEST_CASE("LZF: literals, short and long repetitions, overlapping ones") {
    // What h5py's filter makes of 20 times "abc".
    CHECK(expanded(from_hex("03 61626361 e0 2d 02 01 6263"), 60) == repeated("abc", 20));
    CHECK(expanded(from_hex("00 61"), 1) == from_text("a"));
    CHECK(expanded(from_hex("00 61 20 00"), 4) == from_text("aaaa"));            // 3 from distance 1
    CHECK(expanded(from_hex("01 6162 40 01"), 6) == from_text("ababab"));        // 4 from distance 2
    CHECK(expanded(from_hex("03 61626364 40 03"), 8) == from_text("abcdabcd"));  // 4 from distance 4
    CHECK(expanded(from_hex("00 61 e0 ff 00"), 265) == repeated("a", 265));      // the longest, 264
    CHECK(expanded(from_hex(""), 0).empty());
    const Bytes far = repeated("0123456789", 900);
    Bytes stream = as_literals(far);
    const Bytes back = from_hex("3f ff");  // 3 from distance 8192
    stream.insert(stream.end(), back.begin(), back.end());
    const Bytes out = expanded(stream, far.size() + 3);
    CHECK(std::equal(out.end() - 3, out.end(), far.begin() + 808));
}

TEST_CASE("LZF: streams that end early, reach back too far, or give too much") {
    const Bytes whole = from_hex("03 61626361 e0 2d 02 01 6263");
    for (std::size_t length = 0; length < whole.size(); ++length) {
        CAPTURE(length);
        const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
        CHECK(test::code_of([&] { decode_chunk(cut, {&lzf, 1}, 0, 60); }) == ErrorCode::damaged);
    }
    CHECK(lzf_code(from_hex("05 6161"), 10) == ErrorCode::damaged);
    CHECK(lzf_code(from_hex("00 61 20"), 10) == ErrorCode::damaged);
    CHECK(lzf_code(from_hex("00 61 e0"), 300) == ErrorCode::damaged);
    CHECK(lzf_code(from_hex("00 61 20 01"), 10) == ErrorCode::damaged);  // distance 2 of 1
    CHECK(lzf_code(from_hex("20 00"), 10) == ErrorCode::damaged);        // nothing before
    CHECK(lzf_code(whole, 59) == ErrorCode::damaged);
    CHECK(test::code_of([&] { decode_chunk(whole, {&lzf, 1}, 0, 61); }) == ErrorCode::damaged);
    CHECK(test::code_of([&] { decode_chunk(whole, {&lzf, 1}, 0, 1ull << 50); }) == ErrorCode::damaged);
    std::mt19937 random(11);
    for (int round = 0; round < 2000; ++round) {
        Bytes noise(random() % 40);
        for (auto& byte : noise)
            byte = static_cast<std::byte>(random());
        Bytes out(random() % 200);
        std::size_t written = 0;
        try {
            written = filter::expand_lzf(noise, out);
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::damaged);
        }
        CHECK(written <= out.size());
    }
}

TEST_CASE("compressions of compressions, whose sizes in between nobody knows") {
    const Bytes bytes = repeated("0123456789abcdef", 300);
    const std::vector<Filter> twice{deflate, deflate}, mixed{lzf, fletcher, deflate};
    CHECK(decode_chunk(deflated(deflated(bytes)), twice, 0, bytes.size()) == bytes);
    Bytes inner = as_literals(bytes);
    const std::uint32_t sum = filter::fletcher32(inner);
    for (int shift = 0; shift < 32; shift += 8)
        inner.push_back(static_cast<std::byte>(sum >> shift));
    CHECK(decode_chunk(deflated(inner), mixed, 0, bytes.size()) == bytes);
    CHECK(test::code_of([&] { decode_chunk(deflated(deflated(bytes)), twice, 0, bytes.size() + 1); }) ==
          ErrorCode::damaged);
    // The inner stream may not be larger than any compression makes it.
    const Bytes bomb = deflated(Bytes(1 << 20));
    CHECK(test::code_of([&] { decode_chunk(bomb, twice, 0, 1000); }) == ErrorCode::damaged);
}

TEST_CASE("a decoder keeps its memory between chunks of different masks") {
    const std::vector<Filter> filters{{Filter::shuffle, {4}}, lzf, fletcher};
    ChunkDecoder decoder(filters, 64);
    const Bytes bytes = repeated("abcdefgh", 8);
    for (const std::uint32_t mask : {0b111u, 0b101u, 0b100u, 0b110u, 0b111u}) {
        CAPTURE(mask);
        Bytes stored = bytes;
        if ((mask & 1) == 0) {
            Bytes planes(64);
            for (std::size_t i = 0; i < 16; ++i) {
                for (std::size_t byte = 0; byte < 4; ++byte)
                    planes[byte * 16 + i] = stored[i * 4 + byte];
            }
            stored = planes;
        }
        if ((mask & 2) == 0) stored = as_literals(stored);
        Bytes out(64);
        decoder.decode(stored, mask, out);
        CHECK(out == bytes);
    }
}

#if BALLAST_HAS_ZSTD

namespace {

const Filter zstd{Filter::zstd, {3}};

Bytes compressed(const Bytes& bytes, bool with_size = true) {
    ZSTD_CCtx* context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, with_size ? 1 : 0);
    Bytes out(ZSTD_compressBound(bytes.size()));
    out.resize(ZSTD_compress2(context, out.data(), out.size(), bytes.data(), bytes.size()));
    ZSTD_freeCCtx(context);
    return out;
}

}  // namespace

TEST_CASE("zstd: frames with and without their size, and several of them") {
    const Bytes bytes = repeated("0123456789abcdef", 300);
    CHECK(decode_chunk(compressed(bytes), {&zstd, 1}, 0, bytes.size()) == bytes);
    CHECK(decode_chunk(compressed(bytes, false), {&zstd, 1}, 0, bytes.size()) == bytes);
    Bytes two = compressed(bytes);
    const Bytes second = compressed(bytes);
    two.insert(two.end(), second.begin(), second.end());
    CHECK(decode_chunk(two, {&zstd, 1}, 0, 2 * bytes.size()) == repeated("0123456789abcdef", 600));
}

TEST_CASE("zstd: what is cut, too long, too short or changed is damage") {
    const Bytes bytes = repeated("0123456789abcdef", 300);
    const Bytes stored = compressed(bytes);
    const auto code = [&](const Bytes& stream, std::uint64_t size) {
        return test::code_of([&] { decode_chunk(stream, {&zstd, 1}, 0, size); });
    };
    for (std::size_t length = 0; length < stored.size(); ++length) {
        CHECK(code(Bytes(stored.begin(), stored.begin() + static_cast<std::ptrdiff_t>(length)),
                   bytes.size()) == ErrorCode::damaged);
    }
    CHECK(code(stored, bytes.size() - 1) == ErrorCode::damaged);
    CHECK(code(stored, bytes.size() + 1) == ErrorCode::damaged);
    CHECK(code(from_text("no zstd at all, but long enough to be it"), bytes.size()) == ErrorCode::damaged);
    CHECK(code(stored, 1ull << 50) == ErrorCode::damaged);
    Bytes longer = stored;
    longer.push_back(std::byte{0});
    CHECK(code(longer, bytes.size()) == ErrorCode::damaged);
}

#endif

TEST_CASE("which filters this build undoes") {
    for (const std::uint16_t id : {Filter::deflate, Filter::shuffle, Filter::fletcher32, Filter::lzf}) {
        CHECK(is_decodable({id, {}}));
    }
    CHECK(is_decodable({Filter::zstd, {}}) == (BALLAST_HAS_ZSTD != 0));
    for (const int id : {4, 5, 6, 32001, 32008})
        CHECK_FALSE(is_decodable({static_cast<std::uint16_t>(id), {}}));
}
