// SPDX-License-Identifier: Apache-2.0
// Reading zip archives: what is accepted, and every lie with its error.
#include <array>
#include <functional>
#include <thread>

#include <doctest/doctest.h>
#include <libdeflate.h>

#include "container/zip/zip.h"
#include "support/expect_error.h"
#include "support/zipforge.h"

using namespace ballast;
using test::ForgedMember;
using test::Forgery;
using test::le;
using test::wide_end;
using test::wide_field;

namespace {

std::shared_ptr<const io::Source> source_of(std::string bytes) {
    auto held = std::make_shared<std::string>(std::move(bytes));
    return io::memory_source(held, std::as_bytes(std::span(*held)), "memory:x.zip");
}

std::string deflate(const std::string& text) {
    libdeflate_compressor* compressor = libdeflate_alloc_compressor(6);
    std::string out(libdeflate_deflate_compress_bound(compressor, text.size()), '\0');
    out.resize(libdeflate_deflate_compress(compressor, text.data(), text.size(), out.data(), out.size()));
    libdeflate_free_compressor(compressor);
    return out;
}

ForgedMember deflated(std::string name, const std::string& text) {
    ForgedMember member{std::move(name), deflate(text), 8};
    member.crc = io::crc32(std::as_bytes(std::span(text)));
    member.size = text.size();
    return member;
}

std::string read(const io::Source& source, std::uint64_t offset, std::uint64_t length) {
    std::string text(length, '\0');
    source.read_at(offset, std::as_writable_bytes(std::span(text)));
    return text;
}

std::string read_all(const std::string& bytes, std::size_t position = 0, const Limits& limits = {}) {
    const auto source = source_of(bytes);
    const auto directory = zip::read_directory(*source, limits);
    const auto member = zip::open_member(source, directory->members.at(position), limits);
    return read(*member, 0, member->size());
}

/// The code of opening, with its place checked.
ErrorCode refusal(const std::string& bytes) {
    const auto source = source_of(bytes);
    const Error error = test::error_of([&] { zip::read_directory(*source, {}); });
    if (error.code() == ErrorCode::internal) return error.code();
    CHECK(error.path() == "memory:x.zip");
    CHECK(error.offset().has_value());
    return error.code();
}

std::string text_of(std::size_t size) {
    std::string text;
    std::uint32_t state = 1;
    while (text.size() < size) {
        state = state * 1664525U + 1013904223U;
        text += "word " + std::to_string(state >> 20U) + ' ';
    }
    text.resize(size);
    return text;
}

}  // namespace

TEST_CASE("members are found and read") {
    const std::string long_text = text_of(300'000);
    Forgery zip{{{"a", "first"}, deflated("b/c", long_text), {"empty", ""}, {"folder/", ""}}};
    zip.comment = "a comment";
    ForgedMember unicode{"\xc3\xa9", "x"};
    unicode.flags = 1U << 11U;
    zip.members.push_back(unicode);
    zip.members.push_back(deflated("nothing", ""));
    const std::string bytes = zip.bytes();
    const auto directory = zip::read_directory(*source_of(bytes), {});
    REQUIRE(directory->members.size() == 6);
    CHECK(directory->members[1].name == "b/c");
    CHECK(directory->members[3].is_folder());
    CHECK(read_all(bytes, 0) == "first");
    CHECK(read_all(bytes, 1) == long_text);
    CHECK(read_all(bytes, 2).empty());
    CHECK(read_all(bytes, 4) == "x");
    CHECK(read_all(bytes, 5).empty());
    CHECK(zip::read_directory(*source_of(Forgery{}.bytes()), {})->members.empty());
}

TEST_CASE("parts of a deflated member in any order and from several threads") {
    const std::string text = text_of(1'000'000);
    const auto source = source_of(Forgery{{deflated("a", text)}}.bytes());
    const auto member = zip::open_member(source, zip::read_directory(*source, {})->members[0], {});
    CHECK(read(*member, 0, 10) == text.substr(0, 10));
    CHECK(read(*member, 1000, 24) == text.substr(1000, 24));
    CHECK(read(*member, 999'000, 1000) == text.substr(999'000));
    CHECK(test::code_of([&] { read(*member, 999'999, 2); }) == ErrorCode::truncated);
    std::array<int, 4> good{};
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < good.size(); ++i)
        threads.emplace_back([&, i] {
            for (std::size_t at = i * 1000; at < text.size(); at += 4000)
                good[i] += read(*member, at, 1000) == text.substr(at, 1000) ? 1 : 0;
        });
    for (std::thread& thread : threads)
        thread.join();
    CHECK(good == std::array<int, 4>{250, 250, 250, 250});
}

TEST_CASE("a wrong checksum is found when all has been read, in whatever order") {
    const std::string text = text_of(5000);
    for (const bool packed : {false, true}) {
        for (const bool wrong : {false, true}) {
            CAPTURE(packed);
            CAPTURE(wrong);
            ForgedMember forged = packed ? deflated("a", text) : ForgedMember{"a", text};
            if (wrong) forged.crc = 1;
            const auto source = source_of(Forgery{{forged}}.bytes());
            const auto member = zip::open_member(source, zip::read_directory(*source, {})->members[0], {});
            // Outside of CHECK, which would keep the error to itself.
            const auto all = [&] {
                static constexpr std::array<std::array<unsigned, 2>, 7> parts = {
                    {{0, 12}, {10, 100}, {4000, 1000}, {4500, 100}, {2000, 1000}, {1500, 3000}, {110, 1390}}};
                for (const auto& range : parts) {
                    const std::string part = read(*member, range[0], range[1]);
                    CHECK(part == text.substr(range[0], range[1]));
                }
            };
            CHECK((test::code_of(all) == ErrorCode::checksum_mismatch) == wrong);
            if (packed) continue;
            CHECK((test::code_of([&] { member->map(0, 1); }) == ErrorCode::checksum_mismatch) == wrong);
            const auto plain =
                zip::open_member(source, zip::read_directory(*source, {})->members[0], {}, zip::Check::none);
            CHECK(read(*plain, 0, text.size()) == text);
        }
    }
}

TEST_CASE("deflate streams that lie") {
    const std::string text = text_of(5000);
    const auto broken = [&](const std::function<void(ForgedMember&)>& change) {
        ForgedMember member = deflated("a", text);
        change(member);
        return test::code_of([&] { read_all(Forgery{{member}}.bytes()); });
    };
    CHECK(broken([](auto&) {}) == ErrorCode::internal);
    CHECK(broken([](auto& m) { m.size = 5001; }) == ErrorCode::damaged);
    CHECK(broken([](auto& m) { m.size = 4999; }) == ErrorCode::damaged);
    CHECK(broken([](auto& m) { m.size = 900; }) == ErrorCode::damaged);
    CHECK(broken([](auto& m) { m.data += '\0'; }) == ErrorCode::damaged);
    CHECK(broken([](auto& m) { m.data.pop_back(); }) == ErrorCode::damaged);
    CHECK(broken([](auto& m) { m.data.clear(); }) == ErrorCode::damaged);
    CHECK(broken([](auto& m) { m.data = "\xff\xff"; }) == ErrorCode::damaged);
    CHECK(broken([](auto& m) { m.size = 0; }) == ErrorCode::internal);  // nothing is read of it

    ForgedMember bomb = deflated("a", std::string(1U << 20U, '\0'));
    Limits limits;
    CHECK(read_all(Forgery{{bomb}}.bytes(), 0, limits).size() == 1U << 20U);
    limits.expansion_floor = 1000;
    limits.expansion_ratio = 100;
    CHECK(test::code_of([&] { read_all(Forgery{{bomb}}.bytes(), 0, limits); }) == ErrorCode::limit_exceeded);
    bomb.size = 60U << 20U;  // far more than comes
    CHECK(test::code_of([&] { read_all(Forgery{{bomb}}.bytes()); }) == ErrorCode::damaged);
}

TEST_CASE("what two readers could understand differently is refused") {
    struct Case {
        const char* what;
        ErrorCode code;
        std::function<void(Forgery&)> change;
    };
    using enum ErrorCode;
    const std::vector<Case> cases = {
        {"nothing wrong", internal, [](auto&) {}},
        {"the same name twice", damaged, [](auto& z) { z.members[1].name = "a"; }},
        {"bytes before", damaged, [](auto& z) { z.before = "MZ"; }},
        {"bytes before the directory", damaged, [](auto& z) { z.between = "?"; }},
        {"bytes between members", damaged, [](auto& z) { z.members[0].after = "?"; }},
        {"two members share data", damaged, [](auto& z) { z.members[1].offset = 0; }},
        {"a member within another", damaged, [](auto& z) { z.members[1].offset = 10; }},
        {"a member in the directory", damaged, [](auto& z) { z.members[1].offset = 80; }},
        {"a member beyond the file", damaged, [](auto& z) { z.members[1].offset = 0x7fffffff; }},
        {"the last member too long", damaged, [](auto& z) { z.members[1].stored = z.members[1].size = 100; }},
        {"the first member too long", damaged, [](auto& z) { z.members[0].stored = z.members[0].size = 6; }},
        {"another local name", damaged, [](auto& z) { z.members[0].local_name = "z"; }},
        {"a longer local name", damaged, [](auto& z) { z.members[0].local_name = "aa"; }},
        {"another local size", damaged, [](auto& z) { z.members[0].local_size = 4; }},
        {"another local stored size", damaged, [](auto& z) { z.members[0].local_stored = 4; }},
        {"another local checksum", damaged, [](auto& z) { z.members[0].local_crc = 4; }},
        {"another local method", damaged, [](auto& z) { z.members[0].local_method = 8; }},
        {"locally encrypted", damaged, [](auto& z) { z.members[0].local_flags = 1; }},
        {"stored in two sizes", damaged, [](auto& z) { z.members[0].size = 4; }},
        {"encrypted", unsupported, [](auto& z) { z.members[0].flags = 1; }},
        {"strongly encrypted", unsupported, [](auto& z) { z.members[0].flags = 1U << 6U; }},
        {"hidden headers", unsupported, [](auto& z) { z.members[0].flags = 1U << 13U; }},
        {"a patch", unsupported, [](auto& z) { z.members[0].flags = 1U << 5U; }},
        {"AES", unsupported, [](auto& z) { z.members[0].method = 99; }},
        {"zstd", unsupported, [](auto& z) { z.members[0].method = 93; }},
        {"another disk", unsupported, [](auto& z) { z.members[0].disk = 1; }},
        {"several disks", unsupported, [](auto& z) { z.disk = 1; }},
        {"members on other disks", unsupported, [](auto& z) { z.count_here = 1; }},
        {"a folder with content", damaged, [](auto& z) { z.members[0].name = "a/"; }},
        {"no name", damaged, [](auto& z) { z.members[0].name = ""; }},
        {"NUL in a name", damaged, [](auto& z) { z.members[0].name = std::string("a\0b", 3); }},
        {"a name of unknown encoding", unsupported, [](auto& z) { z.members[0].name = "\xc3\xa9"; }},
        {"a name that is not UTF-8", damaged,
         [](auto& z) {
             z.members[0].name = "\xff";
             z.members[0].flags = 1U << 11U;
         }},
        {"a long name", limit_exceeded, [](auto& z) { z.members[0].name = std::string(5000, 'a'); }},
        {"fewer members than entries", damaged, [](auto& z) { z.count = 1; }},
        {"more members than entries", damaged, [](auto& z) { z.count = 3; }},
        {"0xffff members", damaged, [](auto& z) { z.count = 0xffff; }},
        {"a shorter directory", damaged, [](auto& z) { z.directory_size = 20; }},
        {"a directory elsewhere", damaged, [](auto& z) { z.directory_offset = 1; }},
        {"a directory beyond the file", damaged, [](auto& z) { z.directory_offset = 0xffffffff; }},
        {"an end record in the comment", damaged, [](auto& z) { z.comment = Forgery{}.bytes(); }},
        {"half an end record in the comment", damaged, [](auto& z) { z.comment = "PK\x05\x06"; }},
        {"an extra field that is too long", damaged,
         [](auto& z) { z.members[0].extra = le(7, 2) + le(9, 2); }},
        {"a local extra field that is too long", damaged,
         [](auto& z) { z.members[0].local_extra = le(7, 2) + le(9, 2); }},
        {"an extra field", internal, [](auto& z) { z.members[0].extra = le(7, 2) + le(1, 2) + "x"; }},
        {"padding", internal, [](auto& z) { z.members[0].local_extra = std::string(3, '\0'); }},
    };
    for (const Case& each : cases) {
        const std::string what = each.what;
        CAPTURE(what);
        Forgery zip{{{"a", "first"}, {"b", "second"}}};
        each.change(zip);
        CHECK(refusal(zip.bytes()) == each.code);
    }
}

TEST_CASE("two archives in one file are refused") {
    const std::string one = Forgery{{{"a", "first"}}}.bytes(), two = Forgery{{{"a", "other"}}}.bytes();
    CHECK(refusal(one + two) == ErrorCode::damaged);
    Forgery moved{{{"a", "other"}}};
    moved.before = one;
    CHECK(refusal(moved.bytes()) == ErrorCode::damaged);
}

TEST_CASE("zip64 numbers count where they are asked for, and nowhere else") {
    const auto with = [](const std::function<void(Forgery&, ForgedMember&)>& change) {
        Forgery zip{{{"a", "first"}}};
        change(zip, zip.members[0]);
        return refusal(zip.bytes());
    };
    constexpr std::uint64_t full = 0xffffffff;
    const auto wide_sizes = [&](ForgedMember& m) {
        m.size = m.stored = full;
        m.extra = m.local_extra = wide_field({5, 5});
    };
    CHECK(with([&](auto&, auto& m) { wide_sizes(m); }) == ErrorCode::internal);
    CHECK(with([&](auto&, auto& m) {  // as numpy writes large ones
              m.local_size = m.local_stored = full;
              m.local_extra = wide_field({5, 5});
          }) == ErrorCode::internal);
    CHECK(with([&](auto&, auto& m) {
              m.offset = full;
              m.extra = wide_field({0});
          }) == ErrorCode::internal);
    CHECK(with([&](auto&, auto& m) {
              m.offset = full;
              m.extra = wide_field({1});
          }) == ErrorCode::damaged);
    CHECK(with([&](auto&, auto& m) {
              m.offset = full;
              m.extra = wide_field({UINT64_MAX});
          }) == ErrorCode::damaged);
    CHECK(with([&](auto&, auto& m) {
              wide_sizes(m);
              m.extra = wide_field({5, 6});
          }) == ErrorCode::damaged);
    CHECK(with([&](auto&, auto& m) {
              wide_sizes(m);
              m.extra = wide_field({UINT64_MAX, UINT64_MAX});
          }) == ErrorCode::limit_exceeded);
    CHECK(with([&](auto&, auto& m) {
              wide_sizes(m);
              m.extra = wide_field({1ULL << 39U, 1ULL << 39U});
          }) == ErrorCode::damaged);
    CHECK(with([&](auto&, auto& m) {
              wide_sizes(m);
              m.local_extra = wide_field({6, 6});
          }) == ErrorCode::damaged);
    CHECK(with([&](auto&, auto& m) {
              wide_sizes(m);
              m.extra = wide_field({5});
          }) == ErrorCode::damaged);
    CHECK(with([&](auto&, auto& m) {
              wide_sizes(m);
              m.extra += m.extra;
          }) == ErrorCode::damaged);
    CHECK(with([&](auto&, auto& m) { m.size = m.stored = full; }) == ErrorCode::damaged);
    // Nobody asked: numpy repeats the sizes in local headers.
    for (const auto& [numbers, code] :
         std::vector<std::pair<std::vector<std::uint64_t>, ErrorCode>>{{{5, 5}, ErrorCode::internal},
                                                                       {{5, 6}, ErrorCode::damaged},
                                                                       {{6, 5}, ErrorCode::damaged},
                                                                       {{5, 5, 5, 5}, ErrorCode::damaged}}) {
        const std::string field = wide_field(numbers);
        CHECK(with([&](auto&, auto& m) { m.extra = field; }) == code);
        CHECK(with([&](auto&, auto& m) { m.local_extra = field; }) == code);
    }

    // The end records: one member of 30 + 1 + 5 bytes and an entry of 46 + 1.
    CHECK(with([&](auto& z, auto&) { z.wide = wide_end(1, 36, 47); }) == ErrorCode::internal);
    CHECK(with([&](auto& z, auto&) {
              z.wide = wide_end(1, 36, 47);
              z.count = 0xffff;
              z.directory_size = z.directory_offset = full;
          }) == ErrorCode::internal);
    for (const auto& [members, offset, size] : std::vector<std::array<std::uint64_t, 3>>{
             {2, 36, 47}, {1, 35, 48}, {1, 36, 46}, {UINT64_MAX, 36, 47}}) {
        const std::string records = wide_end(members, offset, size);
        CHECK(with([&](auto& z, auto&) { z.wide = records; }) == ErrorCode::damaged);
    }
    CHECK(with([&](auto& z, auto&) {
              z.wide = wide_end(UINT64_MAX, 36, 47);
              z.count = 0xffff;
          }) == ErrorCode::limit_exceeded);
    CHECK(with([&](auto& z, auto&) { z.wide = wide_end(1, 36, 47).substr(56); }) == ErrorCode::damaged);
    CHECK(with([&](auto& z, auto&) {
              z.wide = wide_end(1, 36, 47);
              z.wide[4] = 45;
          }) == ErrorCode::damaged);
}

TEST_CASE("numbers written behind the data") {
    const auto with = [](const std::string& after) {
        ForgedMember member{"a", "first"};
        member.flags = 1U << 3U;
        member.local_crc = member.local_size = member.local_stored = 0;
        member.after = after;
        return refusal(Forgery{{member, {"b", "second"}}}.bytes());
    };
    const std::string crc = le(io::crc32(std::as_bytes(std::span("first", 5))), 4), signature = "PK\x07\x08";
    CHECK(with(crc + le(5, 4) + le(5, 4)) == ErrorCode::internal);
    CHECK(with(signature + crc + le(5, 4) + le(5, 4)) == ErrorCode::internal);
    CHECK(with(crc + le(5, 8) + le(5, 8)) == ErrorCode::internal);
    CHECK(with(signature + crc + le(5, 8) + le(5, 8)) == ErrorCode::internal);
    CHECK(with(signature + crc + le(5, 4) + le(6, 4)) == ErrorCode::damaged);
    CHECK(with(le(0, 4) + le(5, 4) + le(5, 4)) == ErrorCode::damaged);
    CHECK(with("what is this?") == ErrorCode::damaged);
    CHECK(with(std::string(100, 'x')) == ErrorCode::damaged);
    ForgedMember zeros{"a", "first"};  // without the flag zeros are a lie
    zeros.local_crc = zeros.local_size = zeros.local_stored = 0;
    CHECK(refusal(Forgery{{zeros}}.bytes()) == ErrorCode::damaged);
}

TEST_CASE("archives cut at every byte are refused") {
    Forgery zip{{{"a", "first"}, deflated("b", text_of(400))}};
    zip.comment = "the end";
    const std::string whole = zip.bytes();
    for (std::size_t length = 0; length < whole.size(); ++length)
        CHECK(refusal(whole.substr(0, length)) != ErrorCode::internal);
}
