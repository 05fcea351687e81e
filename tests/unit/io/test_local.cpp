// SPDX-License-Identifier: Apache-2.0
// What only real disks have: links, FIFOs, modes, locks, other processes.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "ballast/io.h"
#include "io/beneath.h"
#include "support/expect_error.h"
#include "support/scratch.h"

using namespace ballast;
using namespace ballast::io;
using test::code_of;
using test::read_file;
using test::write_file;
namespace fs_ = std::filesystem;

namespace {

mode_t current_umask() {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    return mask;
}

std::string text_of(const Source& source) {
    std::string text(source.size(), '\0');
    source.read_at(0, std::as_writable_bytes(std::span(text)));
    return text;
}

}  // namespace

TEST_CASE("FIFOs, devices and folders are no files, and do not block") {
    const test::Scratch scratch;
    REQUIRE(::mkfifo((scratch / "fifo").c_str(), 0600) == 0);
    const auto fs = local(scratch.path());
    CHECK(code_of([&] { fs->open("fifo"); }) == ErrorCode::not_a_file);
    CHECK(fs->stat("fifo")->kind == FileKind::other);
    CHECK(code_of([&] { local("/dev")->open("zero"); }) == ErrorCode::not_a_file);
    const Location fifo = Location::for_reading(scratch / "fifo");
    CHECK(code_of([&] { fifo.fs->open(fifo.name); }) == ErrorCode::not_a_file);
}

TEST_CASE("links are followed as long as they stay below the root") {
    const test::Scratch scratch;
    fs_::create_directories(scratch / "root/sub");
    write_file(scratch / "secret", "outside");
    write_file(scratch / "root/sub/data", "inside");
    fs_::create_symlink("sub/data", scratch / "root/good");
    fs_::create_symlink("../secret", scratch / "root/bad");
    fs_::create_symlink(scratch / "secret", scratch / "root/absolute");
    fs_::create_symlink("..", scratch / "root/up");
    fs_::create_symlink("loop", scratch / "root/loop");
    const auto fs = local(scratch / "root");
    CHECK(text_of(*fs->open("good")) == "inside");
    CHECK(code_of([&] { fs->open("bad"); }) == ErrorCode::unsafe_name);
    CHECK(code_of([&] { fs->open("absolute"); }) == ErrorCode::unsafe_name);
    CHECK(code_of([&] { fs->open("up/secret"); }) == ErrorCode::unsafe_name);
    CHECK(code_of([&] { fs->stat("up/secret"); }) == ErrorCode::unsafe_name);
    CHECK(code_of([&] { fs->create_temporary("up/x"); }) == ErrorCode::unsafe_name);
    CHECK(code_of([&] { fs->open("loop"); }) == ErrorCode::unreadable);
    CHECK(fs->stat("good")->kind == FileKind::symlink);
    CHECK(fs->list("").size() == 6);
}

TEST_CASE("without openat2 no link is followed at all, and nothing leaves the root") {
    const test::Scratch scratch;
    fs_::create_directories(scratch / "root/sub");
    write_file(scratch / "root/sub/data", "inside");
    fs_::create_symlink("sub", scratch / "root/link");
    const Descriptor root(::open((scratch / "root").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    CHECK(open_beneath_by_steps(root.get(), "sub/data", O_RDONLY));
    CHECK(open_beneath_by_steps(root.get(), "", O_RDONLY | O_DIRECTORY));
    CHECK_FALSE(open_beneath_by_steps(root.get(), "link/data", O_RDONLY));
    CHECK_FALSE(open_beneath_by_steps(root.get(), "link", O_RDONLY));
    CHECK_FALSE(open_beneath_by_steps(root.get(), "none/data", O_RDONLY));
}

TEST_CASE("the link a user names is followed, and keeps its name") {
    const test::Scratch scratch;
    fs_::create_directories(scratch / "cache");
    write_file(scratch / "blob", "data");
    fs_::create_symlink("../blob", scratch / "cache/model.weights.h5");
    fs_::create_symlink("../blob", scratch / "cache/other");
    const Location location = Location::for_reading(scratch / "cache/model.weights.h5");
    CHECK(location.kind == Location::Kind::file);
    CHECK(location.name == "model.weights.h5");
    CHECK(location.fs->stat(location.name)->kind == FileKind::regular);
    CHECK(location.fs->stat(location.name)->inode == local(scratch.path())->stat("blob")->inode);
    CHECK(text_of(*location.fs->open(location.name)) == "data");
    CHECK(code_of([&] { location.fs->open("other"); }) == ErrorCode::unsafe_name);
    CHECK(location.display() == (scratch / "cache/model.weights.h5").string());
}

TEST_CASE("paths become files, directories or prefixes") {
    const test::Scratch scratch;
    fs_::create_directories(scratch / "dir");
    write_file(scratch / "file", "x");
    write_file(scratch / "ckpt.index", "x");
    write_file(scratch / "both", "x");
    write_file(scratch / "both.index", "x");
    fs_::create_symlink("nowhere", scratch / "dangling");
    CHECK(Location::for_reading(scratch / "dir").kind == Location::Kind::directory);
    CHECK(Location::for_reading(scratch / "dir/").kind == Location::Kind::directory);
    CHECK(Location::for_reading(scratch / "dir").name.empty());
    CHECK(Location::for_reading(scratch / "file").kind == Location::Kind::file);
    CHECK(Location::for_reading(scratch / "ckpt").kind == Location::Kind::prefix);
    CHECK(Location::for_reading(scratch / "ckpt").name == "ckpt");
    CHECK(Location::for_reading(scratch / "both").kind == Location::Kind::file);
    for (const char* name : {"none", "none/none", "file/none", "none/", "dangling"}) {
        CAPTURE(name);
        CHECK(code_of([&] { (void)Location::for_reading(scratch / name); }) == ErrorCode::not_found);
    }
    CHECK(code_of([&] { (void)Location::for_reading(""); }) == ErrorCode::invalid_argument);

    CHECK(Location::for_writing(scratch / "new").name == "new");
    CHECK(code_of([&] { (void)Location::for_writing(scratch / "none/new"); }) == ErrorCode::not_found);
    CHECK(code_of([&] { (void)Location::for_writing(scratch / "dir/"); }) == ErrorCode::not_a_file);
    CHECK(code_of([&] { (void)Location::for_writing(".."); }) == ErrorCode::not_a_file);
    CHECK(Location::for_writing(scratch / "dir/", Location::Kind::prefix).name.empty());
    CHECK(Location::for_writing(scratch / "made/", Location::Kind::directory).name == "made");
}

TEST_CASE("a relative path without folder is below the current one") {
    const test::Scratch scratch;
    write_file(scratch / "file", "x");
    const fs_::path before = fs_::current_path();
    fs_::current_path(scratch.path());
    const Location location = Location::for_reading("file");
    CHECK(location.display() == "file");
    CHECK(text_of(*location.fs->open("file")) == "x");
    fs_::current_path(before);
    CHECK(text_of(*location.fs->open("file")) == "x");
}

TEST_CASE("the root's handle is held: renaming the folder changes nothing") {
    const test::Scratch scratch;
    fs_::create_directories(scratch / "a");
    const auto fs = local(scratch / "a");
    fs_::rename(scratch / "a", scratch / "b");
    fs_::create_directories(scratch / "a");
    const auto file = fs->create_temporary("x");
    fs->rename(file->name(), "x", Replace::never);
    CHECK(fs_::exists(scratch / "b/x"));
    CHECK(fs->list("").size() == 1);
}

TEST_CASE("a new file has the mode umask leaves, one that replaces is private at first") {
    const test::Scratch scratch;
    const auto fs = local(scratch.path());
    const auto fresh = fs->create_temporary("a");
    CHECK(fs->stat(fresh->name())->mode == (0666U & ~current_umask()));
    write_file(scratch / "b", "x");
    const auto replacing = fs->create_temporary("b");
    CHECK(fs->stat(replacing->name())->mode == 0600);
}

TEST_CASE("names as long as the file system allows can be saved") {
    const test::Scratch scratch;
    const auto fs = local(scratch.path());
    const std::string name(255, 'n');
    const auto file = fs->create_temporary(name);
    fs->rename(file->name(), name, Replace::never);
    CHECK(scratch.names() == std::vector<std::string>{name});
    CHECK(code_of([&] { fs->open(name + "n"); }) == ErrorCode::unreadable);
}

TEST_CASE("a temporary of a killed process is removed, one of a living process is not") {
    const test::Scratch scratch;
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const auto file = local(scratch.path())->create_temporary("a");
        const char byte = 0;
        if (::write(ready[1], &byte, 1) == 1) ::pause();
        ::_exit(0);
    }
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    const auto fs = local(scratch.path());
    fs->remove_stale_temporaries("a");
    CHECK(scratch.names().size() == 1);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    fs->remove_stale_temporaries("a");
    CHECK(scratch.names().empty());
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST_CASE("only regular files of the right name are taken for litter") {
    const test::Scratch scratch;
    const std::string link = ".a.0123456789ab.ballast-tmp", folder = ".a.0123456789ac.ballast-tmp";
    write_file(scratch / "precious", "x");
    fs_::create_symlink("precious", scratch / link);
    fs_::create_directory(scratch / folder);
    write_file(scratch / ".a.0123456789ad.ballast-tmp", "x");
    write_file(scratch / ".b.0123456789ad.ballast-tmp", "x");
    local(scratch.path())->remove_stale_temporaries("a");
    CHECK(scratch.names() ==
          std::vector<std::string>{link, folder, ".b.0123456789ad.ballast-tmp", "precious"});
}

TEST_CASE("a file cut while it is read gives truncated, not garbage") {
    const test::Scratch scratch;
    write_file(scratch / "a", std::string(100, 'x'));
    const auto source = local(scratch.path())->open("a");
    fs_::resize_file(scratch / "a", 40);
    std::vector<std::byte> out(60);
    const Error error = test::error_of([&] { source->read_at(0, out); });
    CHECK(error.code() == ErrorCode::truncated);
    CHECK(error.offset() == 40);
}

TEST_CASE("nothing leaks descriptors") {
    const test::Scratch scratch;
    write_file(scratch / "a", "x");
    const std::size_t before = test::open_descriptors();
    {
        const auto fs = local(scratch.path());
        const auto source = fs->open("a");
        const auto file = fs->create_temporary("b");
        CHECK(test::open_descriptors() == before + 4);
        (void)fs->list("");
        fs->sync_directory("");
        CHECK(test::code_of([&] { fs->open("none"); }) == ErrorCode::not_found);
        fs->remove_stale_temporaries("b");
        CHECK(test::open_descriptors() == before + 4);
        file->close();
        CHECK(test::open_descriptors() == before + 3);
    }
    CHECK(test::open_descriptors() == before);
}

TEST_CASE("errors say what, where and what to do") {
    const test::Scratch scratch;
    const auto fs = local(scratch.path());
    const Error error = test::error_of([&] { fs->open("none"); });
    CHECK(error.code() == ErrorCode::not_found);
    CHECK(error.path() == (scratch / "none").string());
    CHECK(error.message().find("No such file") != std::string::npos);
    CHECK_FALSE(error.hint().empty());
}
