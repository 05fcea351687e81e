// SPDX-License-Identifier: Apache-2.0
// What every Fs promises, checked for each implementation.
#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "ballast/io.h"
#include "io/names.h"
#include "support/expect_error.h"
#include "support/scratch.h"

using namespace ballast;
using namespace ballast::io;
using test::as_bytes;
using test::code_of;

namespace {

struct Candidate {
    std::string name;
    std::function<std::shared_ptr<Fs>(const test::Scratch&)> make;
};

const std::vector<Candidate> candidates = {
    {"local", [](const test::Scratch& scratch) { return local(scratch.path()); }},
    {"memory", [](const test::Scratch&) { return memory(); }},
};

std::string text_of(const Source& source) {
    std::string text(source.size(), '\0');
    source.read_at(0, std::as_writable_bytes(std::span(text)));
    return text;
}

void put(Fs& fs, const std::string& name, std::string_view text, Replace replace = Replace::never) {
    const auto file = fs.create_temporary(name);
    file->write_at(0, as_bytes(text));
    file->sync();
    file->close();
    fs.rename(file->name(), name, replace);
}

std::vector<std::string> names_in(const Fs& fs, std::string_view folder) {
    std::vector<std::string> names;
    for (const auto& entry : fs.list(folder))
        names.push_back(entry.name);
    return names;
}

}  // namespace

TEST_CASE("an Fs writes, reads, lists, renames and removes") {
    for (const auto& candidate : candidates) {
        CAPTURE(candidate.name);
        const test::Scratch scratch;
        const auto fs = candidate.make(scratch);
        CHECK_FALSE(fs->stat("a"));
        CHECK(names_in(*fs, "").empty());
        put(*fs, "b", "hello");
        put(*fs, "a", "");
        CHECK(names_in(*fs, "") == std::vector<std::string>{"a", "b"});
        CHECK(fs->stat("b")->kind == FileKind::regular);
        CHECK(fs->stat("b")->size == 5);
        CHECK(text_of(*fs->open("b")) == "hello");
        CHECK(fs->open("a")->size() == 0);
        CHECK(fs->stat("a")->inode != fs->stat("b")->inode);

        CHECK(code_of([&] { put(*fs, "a", "x"); }) == ErrorCode::exists);
        fs->remove_stale_temporaries("a");
        CHECK(names_in(*fs, "").size() == 2);
        put(*fs, "a", "new", Replace::always);
        CHECK(text_of(*fs->open("a")) == "new");
        if (fs->traits().exchange) {
            fs->rename("a", "b", Replace::exchange);
            CHECK(text_of(*fs->open("a")) == "hello");
            CHECK(text_of(*fs->open("b")) == "new");
        }
        fs->set_mode("a", 0640);
        CHECK(fs->stat("a")->mode == 0640);
        fs->sync_directory("");
        fs->remove("a");
        CHECK(code_of([&] { fs->open("a"); }) == ErrorCode::not_found);
        CHECK(names_in(*fs, "") == std::vector<std::string>{"b"});
    }
}

TEST_CASE("subfolders") {
    for (const auto& candidate : candidates) {
        CAPTURE(candidate.name);
        const test::Scratch scratch;
        const auto fs = candidate.make(scratch);
        CHECK_THROWS_AS(put(*fs, "v/a", "x"), Error);
        fs->make_directory("v");
        put(*fs, "v/a", "inside");
        fs->sync_directory("v");
        CHECK(text_of(*fs->open("v/a")) == "inside");
        CHECK(fs->list("")[0].kind == FileKind::directory);
        CHECK(names_in(*fs, "v") == std::vector<std::string>{"a"});
        CHECK(fs->stat("v")->kind == FileKind::directory);
        CHECK(code_of([&] { fs->open("v"); }) == ErrorCode::not_a_file);
        CHECK(code_of([&] { fs->make_directory("v"); }) == ErrorCode::exists);
        CHECK(code_of([&] { fs->remove_directory("v"); }) == ErrorCode::write_failed);
        fs->remove("v/a");
        fs->remove_directory("v");
        CHECK_FALSE(fs->stat("v"));
    }
}

TEST_CASE("unsafe names are refused by every call") {
    for (const auto& candidate : candidates) {
        CAPTURE(candidate.name);
        const test::Scratch scratch;
        const auto fs = candidate.make(scratch);
        for (const std::string name : {"../x", "/etc/passwd", "a/../../x"}) {
            CHECK(code_of([&] { fs->open(name); }) == ErrorCode::unsafe_name);
            CHECK(code_of([&] { fs->stat(name); }) == ErrorCode::unsafe_name);
            CHECK(code_of([&] { fs->create_temporary(name); }) == ErrorCode::unsafe_name);
            CHECK(code_of([&] { fs->make_directory(name); }) == ErrorCode::unsafe_name);
            fs->remove_stale_temporaries(name);
        }
        put(*fs, "a", "x");
        CHECK(code_of([&] { fs->rename("a", "../b", Replace::never); }) == ErrorCode::unsafe_name);
    }
}

TEST_CASE("reads past the end are truncated, with the offset") {
    for (const auto& candidate : candidates) {
        CAPTURE(candidate.name);
        const test::Scratch scratch;
        const auto fs = candidate.make(scratch);
        put(*fs, "a", "12345");
        const auto source = fs->open("a");
        const auto part = window(source, 1, 3, "a!part");
        std::vector<std::byte> out(3);
        part->read_at(0, out);
        CHECK(out[0] == std::byte{'2'});
        const Error error = test::error_of([&] { source->read_at(3, out); });
        CHECK(error.code() == ErrorCode::truncated);
        CHECK(error.offset() == 3);
        CHECK(error.path() == source->path());
        CHECK(code_of([&] { source->read_at(~0ULL, out); }) == ErrorCode::truncated);
        CHECK(code_of([&] { part->read_at(1, out); }) == ErrorCode::truncated);
        CHECK(code_of([&] { (void)window(source, 3, 3, "w"); }) == ErrorCode::truncated);
        CHECK(code_of([&] { (void)source->map(3, 3); }) == ErrorCode::truncated);
        CHECK(part->map(0, 3).get()[2] == std::byte{'4'});
    }
}

TEST_CASE("a file being written grows, shrinks and leaves zeros between") {
    for (const auto& candidate : candidates) {
        CAPTURE(candidate.name);
        const test::Scratch scratch;
        const auto fs = candidate.make(scratch);
        auto file = fs->create_temporary("a");
        CHECK(is_temporary_of(file->name(), "a"));
        file->write_at(4, as_bytes("end"));
        file->resize(9);
        file->resize(6);
        file->close();
        fs->rename(file->name(), "a", Replace::never);
        CHECK(text_of(*fs->open("a")) == std::string("\0\0\0\0en", 6));
    }
}

TEST_CASE("temporaries in use stay, abandoned ones go") {
    for (const auto& candidate : candidates) {
        CAPTURE(candidate.name);
        const test::Scratch scratch;
        const auto fs = candidate.make(scratch);
        auto living = fs->create_temporary("a");
        auto other = fs->create_temporary("b");
        auto abandoned = fs->create_temporary("a");
        const std::string gone = abandoned->name();
        abandoned.reset();
        living->close();  // closed, not yet renamed: still in use
        fs->remove_stale_temporaries("a");
        CHECK_FALSE(fs->stat(gone));
        CHECK(fs->stat(living->name()));
        CHECK(fs->stat(other->name()));
        const std::string last = living->name();
        living.reset();
        fs->remove_stale_temporaries("a");
        CHECK_FALSE(fs->stat(last));
    }
}

TEST_CASE("a source keeps its bytes when the name gets others") {
    for (const auto& candidate : candidates) {
        CAPTURE(candidate.name);
        const test::Scratch scratch;
        const auto fs = candidate.make(scratch);
        put(*fs, "a", "old");
        const auto source = fs->open("a");
        const auto mapped = source->map(0, 3);
        put(*fs, "a", "new", Replace::always);
        CHECK(text_of(*source) == "old");
        CHECK(mapped.get()[0] == std::byte{'o'});
        fs->remove("a");
        CHECK(text_of(*source) == "old");
    }
}

TEST_CASE("a memory source shares its owner's bytes") {
    auto owner = std::make_shared<std::string>("bytes");
    const std::weak_ptr<std::string> watch = owner;
    auto source = memory_source(owner, as_bytes(*owner), "program memory");
    owner.reset();
    CHECK(text_of(*source) == "bytes");
    const auto mapped = source->map(1, 4);
    source.reset();
    CHECK_FALSE(watch.expired());
    CHECK(mapped.get()[0] == std::byte{'y'});
}
