// SPDX-License-Identifier: Apache-2.0
// Structs to and from places that are no paths: file descriptors.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vector>

#include "ballast/fd.h"
#include "support/expect_error.h"
#include "support/scratch.h"
#include "unit/program/nets.h"

using namespace nets;
using ballast::ErrorCode;
using ballast::fd_location;
using ballast::test::code_of;
using namespace ballast::literals;

namespace {

/// An open file, closed at the end.
class Fd {
public:
    explicit Fd(int fd) : fd_(fd) { REQUIRE(fd_ >= 0); }
    ~Fd() { ::close(fd_); }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    operator int() const { return fd_; }  // NOLINT: as the system takes it
    off_t size() const { return ::lseek(fd_, 0, SEEK_END); }

private:
    int fd_;
};

Fd in_memory() {
    return Fd(::memfd_create("net", MFD_CLOEXEC));
}

}  // namespace

TEST_CASE("weights go into a descriptor and come back, and it stays the caller's") {
    for (const char* const name : {"net.weights.h5", "net.safetensors", "net.npz"}) {
        CAPTURE(name);
        const Fd file = in_memory();
        ballast::save_weights(mlp(), fd_location(file, name));
        CHECK(::lseek(file, 0, SEEK_CUR) == 0);
        CHECK(::fcntl(file, F_GETFD) >= 0);
        Mlp back;
        CHECK(ballast::load_weights(back, fd_location(file, "whatever")).loaded == 4);
        CHECK(equal(back, mlp()));
    }
}

TEST_CASE("what was opened from a descriptor outlives it, and any source can be converted into one") {
    const Fd target = in_memory();
    std::shared_ptr<ballast::Archive> archive;
    {
        const Fd file = in_memory();
        ballast::save_weights(mlp(), fd_location(file, "net.weights.h5"));
        archive = ballast::open(fd_location(file, "net.weights.h5"));
        ballast::convert(fd_location(file, "net.weights.h5"), fd_location(target, "net.safetensors"));
    }
    CHECK(archive->get<float>("hidden/bias")[0] == mlp().hidden.bias[0]);
    Mlp back;
    ballast::load_weights(back, fd_location(target, "net"));
    CHECK(equal(back, mlp()));
}

TEST_CASE("a file with content is not written into, and one that an error leaves is empty") {
    const Fd file = in_memory();
    const auto location = fd_location(file, "net.weights.h5");
    CHECK(code_of([&] { ballast::save_weights(mlp(), location, {.cancel = [] { return true; }}); }) ==
          ErrorCode::cancelled);
    CHECK(file.size() == 0);
    ballast::save_weights(mlp(), location);
    const off_t size = file.size();
    CHECK(code_of([&] { ballast::save_weights(mlp(), location); }) == ErrorCode::exists);
    CHECK(code_of([&] { ballast::save_weights(mlp(), location, {.overwrite = true}); }) ==
          ErrorCode::not_atomic);
    ballast::ConvertOptions several_steps;
    several_steps.write.overwrite = ballast::Overwrite::allow;
    several_steps.write.allow_nonatomic = true;
    CHECK(code_of([&] { ballast::convert(location, location, several_steps); }) == ErrorCode::exists);
    CHECK(file.size() == size);
    REQUIRE(::ftruncate(file, 0) == 0);
    ballast::save_weights(mlp(), location);
    CHECK(file.size() == size);
}

TEST_CASE("descriptors that cannot serve are refused") {
    ballast::test::Scratch scratch;
    const std::string path = (scratch / "f").string();
    const auto refused = [](int fd) { return code_of([&] { fd_location(fd, "net.weights.h5"); }); };
    CHECK(refused(-1) == ErrorCode::invalid_argument);
    CHECK(code_of([&] { fd_location(0, "a/b"); }) == ErrorCode::invalid_argument);
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const Fd from(ends[0]), to(ends[1]), folder(::open(scratch.path().c_str(), O_RDONLY));
    CHECK(refused(from) == ErrorCode::not_a_file);
    CHECK(refused(folder) == ErrorCode::not_a_file);
    const Fd appending(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND, 0600));
    CHECK(refused(appending) == ErrorCode::invalid_argument);
    const Fd read_only(::open(path.c_str(), O_RDONLY));
    CHECK(code_of([&] { ballast::save_weights(mlp(), fd_location(read_only, "net.weights.h5")); }) ==
          ErrorCode::write_failed);
    const Fd empty = in_memory();
    CHECK(code_of([&] { ballast::open(fd_location(empty, "net.weights.h5")); }) != ErrorCode::internal);
    CHECK(code_of([&] {
              ballast::save_weights(mlp(), fd_location(empty, "net.weights.json"), {.max_shard_size = 64_B});
          }) == ErrorCode::unsupported);
    CHECK(empty.size() == 0);
}
