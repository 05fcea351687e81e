// SPDX-License-Identifier: Apache-2.0
// verify(): digests, values, and that each damage is found and hides no other. The interop tests compare the
// digests with hashlib over what h5py and TensorFlow read.
#include <doctest/doctest.h>

#include <limits>

#include "ballast/registry.h"
#include "ballast/verify.h"
#include "support/expect_error.h"
#include "support/model_builder.h"
#include "support/sample.h"
#include "support/save_in_memory.h"

using namespace ballast;

namespace {

template <class T>
TensorExpr tensor_of(DType dtype, const std::vector<T>& values, const std::string& name) {
    const auto bytes = std::as_bytes(std::span(values));
    return test::inline_tensor(dtype, Shape{values.size()}, {bytes.begin(), bytes.end()}, name);
}

Location saved(std::vector<TensorExpr> values, std::string_view format, const std::string& name) {
    return test::save_in_memory(Registry::builtin().find(format), test::loose_model(std::move(values)), name);
}

VerifyReport digested(const Location& location) {
    VerifyOptions options;
    options.digests = true;
    return verify(location, options);
}

}  // namespace

TEST_CASE("the digest of a tensor is SHA-256 of its elements") {
    // FIPS 180-4's example: the bytes "abc".
    const VerifyReport report = digested(
        saved({tensor_of<std::uint8_t>(DType::uint8, {'a', 'b', 'c'}, "t")}, "safetensors", "a.safetensors"));
    CHECK(report.problems.empty());
    REQUIRE(report.tensors.size() == 1);
    CHECK(report.tensors[0].digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(report.bytes == 3);
    CHECK(report.state_digest.empty());
}

TEST_CASE("formats with equal names give equal digests, another element another one") {
    const auto one = tensor_of<float>(DType::float32, {1, 2, 3}, "one");
    const auto two = tensor_of<float>(DType::float32, {4}, "two");
    const auto other = tensor_of<float>(DType::float32, {5}, "two");
    const std::string digest = digested(saved({one, two}, "safetensors", "a.safetensors")).weights_digest;
    CHECK(digest.size() == 64);
    CHECK(digested(saved({two, one}, "npz", "a.npz")).weights_digest == digest);
    CHECK(digested(saved({one, other}, "npz", "a.npz")).weights_digest != digest);
}

TEST_CASE("NaN and infinities are counted in every floating type") {
    const double nan = std::numeric_limits<double>::quiet_NaN(),
                 inf = std::numeric_limits<double>::infinity();
    const std::vector<TensorExpr> values = {
        tensor_of<double>(DType::float64, {1, nan, -nan, inf, -inf, 0}, "double"),
        tensor_of<std::uint16_t>(DType::float16, {0x7C00, 0x7C01, 0xFE00, 0x7BFF}, "half"),
        tensor_of<std::uint16_t>(DType::bfloat16, {0x7F80, 0xFF81, 0x7F7F}, "brain"),
        tensor_of<std::uint8_t>(DType::float8_e4m3fn, {0x7F, 0xFF, 0x7E}, "e4"),
        tensor_of<std::uint8_t>(DType::float8_e5m2, {0x7C, 0x7D, 0xFF, 0x7B}, "e5"),
        tensor_of<std::int32_t>(DType::int32, {0x7F800001, -1}, "integer"),
    };
    VerifyOptions options;
    options.values = true;
    const VerifyReport report = verify(saved(values, "safetensors", "a.safetensors"), options);
    struct Row {
        const char* name;
        std::uint64_t nan, infinite;
    };
    for (const Row& row : {Row{"double", 2, 2}, Row{"half", 2, 1}, Row{"brain", 1, 1}, Row{"e4", 2, 0},
                           Row{"e5", 2, 1}, Row{"integer", 0, 0}}) {
        CAPTURE(row.name);
        const auto found =
            std::find_if(report.tensors.begin(), report.tensors.end(),
                         [&](const VerifiedTensor& tensor) { return tensor.name == row.name; });
        REQUIRE(found != report.tensors.end());
        CHECK(found->nan == row.nan);
        CHECK(found->infinite == row.infinite);
        CHECK(found->digest.empty());
    }
}

TEST_CASE("a damaged tensor is a problem of its own, and the others are read") {
    const Location place = saved({tensor_of(DType::float32, std::vector<float>(1000, 1.5F), "first"),
                                  tensor_of(DType::float32, std::vector<float>(1000, 2.5F), "second")},
                                 "npz", "a.npz");
    const auto source = place.fs->open(place.name);
    std::vector<std::byte> bytes(source->size());
    source->read_at(0, bytes);
    bytes[bytes.size() / 4] ^= std::byte{1};  // within the first array, which is stored
    place.fs->remove(place.name);
    const auto file = place.fs->create_temporary(place.name);
    file->write_at(0, bytes);
    file->close();
    place.fs->rename(file->name(), place.name, io::Replace::never);

    const VerifyReport report = digested(place);
    REQUIRE(report.problems.size() == 1);
    CHECK(report.problems[0].code() == ErrorCode::checksum_mismatch);
    CHECK(report.problems[0].tensor() == "first");
    REQUIRE(report.tensors.size() == 2);
    CHECK_FALSE(report.tensors[0].read);
    CHECK(report.tensors[0].digest.empty());
    CHECK(report.tensors[1].read);
    CHECK(report.weights_digest.empty());
}

TEST_CASE("cancelling leaves at once") {
    const Location place = saved({tensor_of<float>(DType::float32, std::vector<float>(1 << 20), "t")},
                                 "safetensors", "a.safetensors");
    VerifyOptions options;
    options.threads = 1;
    options.cancel = [] { return true; };
    CHECK(test::error_of([&] { verify(place, options); }).code() == ErrorCode::cancelled);
}
