// SPDX-License-Identifier: Apache-2.0
// Encoded chunks: gathered, encoded in parallel, placed in plan order, copied as they are where that is
// possible.
#include <doctest/doctest.h>

#include <algorithm>

#include "convert/chunk_grid.h"
#include "convert/transfer.h"
#include "filter/decode.h"
#include "io/checksum.h"
#include "model/evaluate.h"
#include "support/expect_error.h"
#include "support/sample.h"
#include "support/toy_chunks.h"

using namespace ballast;
using test::Bytes;

namespace {

/// Compressible and different everywhere.
TensorRef ramp(const Shape& shape) {
    std::vector<float> values(shape.element_count());
    for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = static_cast<float>(i);
    return test::floats(shape, values);
}

Bytes value_of(const TensorExpr& value) {
    Bytes bytes(value.byte_count());
    evaluate(value, 0, bytes);
    return bytes;
}

Bytes stored_value(const io::Fs& fs, const std::string& name, const TensorExpr& value, const Shape& chunk) {
    return value_of(TensorExpr(test::toy_open(fs, name, value.dtype(), value.shape(), chunk, 6)));
}

WriteOptions with_threads(unsigned threads) {
    WriteOptions options;
    options.threads = threads;
    options.overwrite = Overwrite::allow;
    return options;
}

std::uint64_t by(const TransferStats& stats, Route route) {
    return stats.bytes[static_cast<std::size_t>(route)];
}

}  // namespace

TEST_CASE("chunks of any shape come back, with the same bytes for any thread count") {
    struct Case {
        Shape shape, chunk;
    };
    const std::vector<Case> cases = {
        {{10}, {3}},
        {{1}, {100}},
        {{7, 5}, {7, 5}},
        {{7, 5}, {2, 2}},
        {{7, 5}, {1, 5}},
        {{7, 5}, {7, 1}},
        {{4, 3, 5, 2}, {3, 2, 5, 2}},
        {{3, 4, 5}, {2, 9, 2}},
        {{600, 1000}, {64, 128}},     // many units
        {{1200, 1500}, {1200, 100}},  // rows too long to be shared
        {{3000000}, {2500000}},       // chunks above the unit
    };
    for (const auto& row : cases) {
        // Named anew: clang 14 lets no lambda, and so no CAPTURE, take a structured binding.
        const Shape &shape = row.shape, &chunk = row.chunk;
        CAPTURE(shape.to_string());
        CAPTURE(chunk.to_string());
        const TensorRef tensor = ramp(shape);
        const auto axes = shape.rank() == 2 ? std::vector<std::uint32_t>{1, 0} : std::vector<std::uint32_t>{};
        std::vector<TensorExpr> values{TensorExpr(tensor), TensorExpr::cast(tensor, DType::float64)};
        if (!axes.empty()) values.push_back(TensorExpr::transpose(TensorExpr::transpose(tensor, axes), axes));
        for (const TensorExpr& value : values) {
            Bytes first;
            std::string checksums;
            for (const unsigned threads : {1U, 2U, 8U}) {
                const auto fs = io::memory();
                execute(test::toy_plan("toy", {value, chunk, test::deflate_codec(6)}), fs,
                        with_threads(threads));
                CHECK(stored_value(*fs, "toy", value, chunk) == value_of(value));
                const Bytes bytes = test::contents(*fs, "toy");
                if (threads == 1) first = bytes;
                CHECK(bytes == first);
                CHECK(fs->list("").size() == 2);
            }
        }
    }
}

TEST_CASE("results carry place, size and checksum of every chunk") {
    const TensorExpr value(ramp({100, 50}));
    const auto fs = io::memory();
    execute(test::toy_plan("toy", {value, {30, 20}, test::deflate_codec(6)}), fs, with_threads(3));
    const TensorRef tensor = test::toy_open(*fs, "toy", DType::float32, {100, 50}, {30, 20}, 6);
    const auto layout = std::get<std::shared_ptr<const ChunkedLayout>>(tensor->storage.layout);
    REQUIRE(layout->chunks.size() == 12);
    const Bytes file = test::contents(*fs, "toy");
    std::string expected;
    for (const Chunk& chunk : layout->chunks)
        expected += std::to_string(io::crc32c(std::span(file).subspan(chunk.offset, chunk.length))) + "\n";
    CHECK(test::contents(*fs, "toy.crc") == test::bytes_of(expected));
}

TEST_CASE("chunks with the same filters and shape are copied as they are") {
    const TensorExpr value(ramp({100, 50}));
    const auto fs = io::memory();
    const auto codec = test::deflate_codec(6);
    execute(test::toy_plan("a", {value, {30, 20}, codec}), fs, with_threads(1));
    const TensorRef stored = test::toy_open(*fs, "a", DType::float32, {100, 50}, {30, 20}, 6);

    auto stats = execute(test::toy_plan("b", {stored, {30, 20}, codec}), fs, with_threads(2));
    CHECK(by(stats, Route::chunk_copy) > 0);
    CHECK(by(stats, Route::decode) == 0);
    CHECK(test::contents(*fs, "b") == test::contents(*fs, "a"));

    // Another level, another shape, another byte order, an expression: encoded anew.
    stats = execute(test::toy_plan("c", {stored, {30, 20}, test::deflate_codec(1)}), fs, with_threads(2));
    CHECK(by(stats, Route::chunk_copy) == 0);
    CHECK(stored_value(*fs, "c", value, {30, 20}) == value_of(value));
    stats = execute(test::toy_plan("d", {stored, {20, 30}, codec}), fs, with_threads(2));
    CHECK(by(stats, Route::chunk_copy) == 0);
    CHECK(stored_value(*fs, "d", value, {20, 30}) == value_of(value));
    TensorInfo swapped = *stored;
    swapped.storage.big_endian = true;
    const TensorExpr other(std::make_shared<const TensorInfo>(swapped));
    stats = execute(test::toy_plan("e", {other, {30, 20}, codec}), fs, with_threads(2));
    CHECK(by(stats, Route::chunk_copy) == 0);
    CHECK(stored_value(*fs, "e", other, {30, 20}) == value_of(other));
    CHECK(value_of(other) != value_of(value));
}

TEST_CASE("filter masks are carried along, chunks that were never stored are filled") {
    const Bytes image = test::noise(8 * 4, 1);
    ChunkedLayout layout{
        test::source_of(image), {4}, {{Filter::deflate, {6}}}, {{1, 0, 16, 1}}, test::bytes_of("abcd")};
    TensorInfo info;
    info.stored_name = "t";
    info.dtype = DType::float32;
    info.shape = {10};
    info.storage.layout = std::make_shared<const ChunkedLayout>(layout);
    const TensorExpr value(std::make_shared<const TensorInfo>(info));
    const auto fs = io::memory();
    const auto stats =
        execute(test::toy_plan("toy", {value, {4}, test::deflate_codec(6)}), fs, with_threads(2));
    CHECK(by(stats, Route::chunk_copy) == 16);
    CHECK(by(stats, Route::decode) > 0);
    const TensorRef back = test::toy_open(*fs, "toy", DType::float32, {10}, {4}, 6);
    CHECK(std::get<1>(back->storage.layout)->chunks[1].filter_mask == 1);
    CHECK(value_of(TensorExpr(back)) == value_of(value));
}

TEST_CASE("a damaged source chunk is an error that leaves nothing") {
    const TensorExpr value(ramp({1000, 500}));
    const auto fs = io::memory();
    execute(test::toy_plan("a", {value, {100, 100}, test::deflate_codec(6)}), fs, with_threads(1));
    Bytes bytes = test::contents(*fs, "a");
    bytes[bytes.size() / 2] ^= std::byte{0x55};
    bytes[bytes.size() / 2 + 1] ^= std::byte{0x55};
    test::put_file(*fs, "a", bytes);
    const TensorRef stored = test::toy_open(*fs, "a", DType::float32, {1000, 500}, {100, 100}, 6);
    for (const unsigned threads : {1U, 4U}) {
        const Error error = test::error_of([&] {
            execute(test::toy_plan("b", {stored, {50, 50}, test::deflate_codec(6)}), fs,
                    with_threads(threads));
        });
        CHECK(error.kind() == ErrorKind::damaged);
        CHECK(error.tensor() == "toy");
        CHECK(fs->list("").size() == 2);
    }
}

TEST_CASE("an encoder or a hook that fails stops the save") {
    class Failing final : public ChunkCodec {
    public:
        std::span<const Filter> filters() const noexcept override { return {}; }
        std::vector<std::byte> encode(std::span<const std::byte>) const override {
            throw Error(ErrorCode::unsupported, "no");
        }
    };
    const TensorExpr value(ramp({100}));
    const auto fs = io::memory();
    CHECK(test::code_of([&] {
              execute(test::toy_plan("a", {value, {7}, std::make_shared<Failing>()}), fs, with_threads(4));
          }) == ErrorCode::unsupported);
    WritePlan plan = test::toy_plan("a", {value, {7}, test::deflate_codec(6)});
    plan.hooks = std::make_shared<PlanHooks>();  // no reserve()
    CHECK(test::code_of([&] { execute(plan, fs, with_threads(4)); }) == ErrorCode::internal);
    plan.hooks = nullptr;
    CHECK(test::code_of([&] { execute(plan, fs, with_threads(1)); }) == ErrorCode::internal);
    CHECK(fs->list("").empty());
}

TEST_CASE("the grid's arithmetic") {
    const TensorExpr value(ramp({7, 5}));
    const ChunkGrid grid(value, {3, 2});
    CHECK(grid.chunk_count() == 9);
    CHECK(grid.chunk_bytes() == 24);
    CHECK(grid.row_of(8) == 2);
    CHECK(grid.used_bytes(8) == 4);
    CHECK(grid.slab_of(8).begin == 6 * 5 * 4);
    CHECK(grid.slab_of(8).length == 5 * 4);
    CHECK(grid.runs_of(0).size() == 3);
    CHECK(ChunkGrid(value, {3, 5}).runs_of(0).size() == 1);
    CHECK(ChunkGrid(value, {3, 6}).runs_of(0).size() == 3);
    CHECK_THROWS_AS(grid.runs_of(9), Error);
    CHECK_THROWS_AS(ChunkGrid(value, {3}), Error);
    CHECK_THROWS_AS(ChunkGrid(value, {3, 0}), Error);
    CHECK_THROWS_AS(ChunkGrid(TensorExpr(ramp({})), Shape{}), Error);
}
