// SPDX-License-Identifier: Apache-2.0
// Writing zip archives: the bytes, checksums of members made of several pieces, alignment, zip64.
#include <doctest/doctest.h>

#include "container/zip/write.h"
#include "container/zip/zip.h"
#include "convert/transfer.h"
#include "support/expect_error.h"
#include "support/memory_file.h"
#include "support/model_builder.h"
#include "support/zipforge.h"

using namespace ballast;
using test::le;

namespace {

FixedBytes fixed(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {{bytes.begin(), bytes.end()}};
}

zip::NewMember text_member(std::string name, std::string_view text, std::uint64_t alignment = 1) {
    zip::NewMember member;
    member.name = std::move(name);
    member.size = text.size();
    if (!text.empty()) member.pieces.push_back({0, fixed(text)});
    member.alignment = alignment;
    return member;
}

Location written(std::vector<zip::NewMember> members, unsigned threads = 1) {
    Location target{io::memory(), "x.zip", Location::Kind::file};
    WriteOptions options;
    options.threads = threads;
    execute(zip::plan_archive("x.zip", std::move(members)), target.fs, options);
    return target;
}

std::vector<std::string> read(const Location& file) {
    const auto source = file.fs->open(file.name);
    std::vector<std::string> texts;
    const auto directory = zip::read_directory(*source, {});
    for (const zip::Member& member : directory->members) {
        const auto bytes = zip::open_member(source, member, {});
        texts.emplace_back(bytes->size(), '\0');
        bytes->read_at(0, std::as_writable_bytes(std::span(texts.back())));
    }
    return texts;
}

}  // namespace

TEST_CASE("the bytes of an archive") {
    const std::string crc = le(io::crc32(std::as_bytes(std::span("hello", 5))), 4);
    const std::string same =
        le(0, 2) + le(0, 2) + le(0, 2) + le(0x21, 2) + crc + le(5, 4) + le(5, 4) + le(1, 2);
    const std::string local = "PK\x03\x04" + le(20, 2) + same + le(0, 2) + "a" + "hello";
    const std::string entry = "PK\x01\x02" + le(20 | 3 << 8, 2) + le(20, 2) + same + le(0, 2) + le(0, 6) +
                              le(0100644U << 16U, 4) + le(0, 4) + "a";
    const std::string end =
        "PK\x05\x06" + le(0, 4) + le(1, 2) + le(1, 2) + le(entry.size(), 4) + le(local.size(), 4) + le(0, 2);
    CHECK(test::text_of(written({text_member("a", "hello")})) == local + entry + end);
    CHECK(test::text_of(written({})) == "PK\x05\x06" + std::string(18, '\0'));
}

TEST_CASE("members of pieces, holes and tensors; the bytes do not depend on threads") {
    const TensorExpr large = test::tensor("t", DType::float32, {1000, 3000});
    const auto members = [&] {
        zip::NewMember mixed = text_member("mixed", "head");
        mixed.pieces.push_back({10, TensorBytes{large}});
        mixed.pieces.push_back({12'000'020, Hole{5}});
        mixed.pieces.push_back({12'000'025, fixed("tail")});
        mixed.size = 12'000'040;
        return std::vector{text_member("a", "hello"), std::move(mixed), text_member("empty", ""),
                           text_member("\xc3\xa9", "x")};
    };
    const Location file = written(members());
    const std::string zeros(5, '\0');
    CHECK(read(file) ==
          std::vector<std::string>{"hello",
                                   "head" + std::string(6, '\0') + test::inline_bytes(large) +
                                       std::string(10, '\0') + zeros + "tail" + std::string(11, '\0'),
                                   "", "x"});
    CHECK(test::text_of(written(members(), 4)) == test::text_of(file));
}

TEST_CASE("members begin where they are wanted") {
    for (std::size_t name = 1; name < 140; ++name) {
        const Location file =
            written({text_member(std::string(name, 'n'), "data", 64), text_member("b", "x", 4096)});
        const auto source = file.fs->open(file.name);
        const auto directory = zip::read_directory(*source, {});
        CHECK(directory->members[0].data_offset % 64 == 0);
        CHECK(directory->members[1].data_offset % 4096 == 0);
        CHECK(read(file) == std::vector<std::string>{"data", "x"});
    }
}

TEST_CASE("many members take zip64 end records") {
    for (const std::size_t count : {65'534U, 65'535U, 65'536U}) {
        std::vector<zip::NewMember> members;
        for (std::size_t i = 0; i < count; ++i)
            members.push_back(text_member(std::to_string(i), ""));
        const Location file = written(std::move(members));
        CHECK((test::text_of(file).find("PK\x06\x06") != std::string::npos) == (count >= 65'535));
        CHECK(zip::read_directory(*file.fs->open(file.name), {})->members.size() == count);
    }
}

TEST_CASE("large members take zip64 fields in the plan") {
    zip::NewMember large;
    large.name = "large";
    large.size = 5ULL << 30U;
    large.pieces.push_back({0, Hole{large.size}});
    large.alignment = 64;
    const WritePlan plan = zip::plan_archive("x.zip", {std::move(large), text_member("b", "x")});
    PlanResults results(1);
    for (const Piece& piece : plan.files[0].pieces)
        results[0].push_back({piece.offset, 0, 0, 0});
    results[0][1].length = 5ULL << 30U;
    const Finish finish = plan.hooks->finish(results);
    const auto& end = finish.patches.back();
    CHECK(end.offset + end.bytes.size() == plan.files[0].size);
    const std::string text(reinterpret_cast<const char*>(end.bytes.data()), end.bytes.size());
    CHECK(text.find(test::wide_field({5ULL << 30U, 5ULL << 30U})) != std::string::npos);
    CHECK(text.find(test::wide_field({(5ULL << 30U) + plan.files[0].pieces[1].offset})) != std::string::npos);
    CHECK(text.find("PK\x06\x06") != std::string::npos);
    CHECK(plan.files[0].pieces[1].offset % 64 == 0);
}

TEST_CASE("names that the format does not hold are refused") {
    for (const std::string& name :
         {std::string(), std::string("a\0b", 3), std::string("\xff"), std::string(65'536, 'a')})
        CHECK(test::code_of([&] { zip::plan_archive("x.zip", {text_member(name, "")}); }) ==
              ErrorCode::invalid_argument);
    CHECK(test::code_of([&] {
              zip::plan_archive("x.zip", {text_member("a", ""), text_member("a", "")});
          }) == ErrorCode::invalid_argument);
}
