// SPDX-License-Identifier: Apache-2.0
// Chunked datasets we write: indexes of one, two and three levels, read back through our own reader; h5py is
// the judge in tests/interop/test_compress.py.
#include <string>

#include <doctest/doctest.h>

#include "container/hdf5/read.h"
#include "container/hdf5/write.h"
#include "container/hdf5/write_chunks.h"
#include "convert/transfer.h"
#include "filter/decode.h"
#include "support/expect_error.h"
#include "support/model_builder.h"

using namespace ballast;

namespace {

constexpr std::uint64_t tiny_chunk = 64;

std::shared_ptr<const hdf5::File> written(hdf5::Builder& builder, unsigned threads) {
    const auto fs = io::memory();
    WritePlan plan;
    plan.commit = "f.h5";
    hdf5::add_to(plan, builder.plan_with_chunks("f.h5"));
    WriteOptions options;
    options.threads = threads;
    execute(plan, fs, options);
    return hdf5::File::parse(fs->open("f.h5"), {});
}

hdf5::Builder builder_for(Compression::Method method) {
    hdf5::Builder builder;
    Compression compression;
    compression.method = method;
    compression.chunk_bytes = tiny_chunk;
    builder.compress(compression);
    return builder;
}

std::string decoded(const hdf5::File& file, std::string_view name, DType dtype) {
    const hdf5::Dataset& dataset = file.dataset(file.find(0, name));
    REQUIRE_FALSE(dataset.problem);
    TensorInfo info;
    info.stored_name = name;
    info.dtype = dtype;
    info.shape = dataset.shape;
    info.storage = dataset.storage;
    std::string bytes(static_cast<std::size_t>(info.byte_count()), '\0');
    read_range(info, 0, std::as_writable_bytes(std::span(bytes)));
    return bytes;
}

}  // namespace

TEST_CASE("indexes of every depth lead to their chunks") {
    // Chunks of 16 floats: 64, 65, 4096 and 4097 of them, and an edge chunk in both axes.
    const std::vector<Shape> shapes = {{1024}, {1040}, {65536}, {65552}, {70, 131}, {3, 5, 7, 11, 13}};
    for (const unsigned threads : {1U, 3U}) {
        hdf5::Builder builder = builder_for(Compression::Method::gzip);
        std::vector<TensorExpr> values;
        for (std::size_t i = 0; i < shapes.size(); ++i) {
            values.push_back(test::tensor("t", DType::float32, shapes[i], static_cast<unsigned>(i + 1)));
            builder.dataset(builder.root(), "t" + std::to_string(i), values.back());
        }
        const auto file = written(builder, threads);
        for (std::size_t i = 0; i < shapes.size(); ++i) {
            CAPTURE(i);
            CHECK(decoded(*file, "t" + std::to_string(i), DType::float32) == test::inline_bytes(values[i]));
        }
        CHECK(file->warnings().empty());
    }
}

TEST_CASE("small, empty and scalar tensors stay in one piece") {
    hdf5::Builder builder = builder_for(Compression::Method::gzip);
    builder.dataset(builder.root(), "small", test::tensor("t", DType::float32, {1023}));
    builder.dataset(builder.root(), "empty", test::tensor("t", DType::float32, {0, 9000}));
    builder.dataset(builder.root(), "scalar", test::tensor("t", DType::float64, {}));
    const PlannedFile planned = builder.plan("f.h5");
    CHECK(planned.pieces.size() == 3);  // the structure and two tensors
}

TEST_CASE("chunks are runs of the tensor, of about the size wanted") {
    using hdf5::writer::chunk_shape_for;
    CHECK(chunk_shape_for({10, 10}, 4, 1 << 20) == Shape{10, 10});
    CHECK(chunk_shape_for({3000, 1000}, 4, 1 << 20) == Shape{262, 1000});
    CHECK(chunk_shape_for({5, 1 << 20}, 8, 1 << 20) == Shape{1, 1 << 17});
    CHECK(chunk_shape_for({7}, 8, 1) == Shape{1});
}

TEST_CASE("the size of an index is that of its nodes") {
    using hdf5::writer::chunk_tree;
    for (const auto& [chunks, nodes] :
         {std::pair<std::uint64_t, std::uint64_t>{1, 1}, {64, 1}, {65, 3}, {4096, 65}, {4097, 68}}) {
        const auto tree = chunk_tree(chunks, 2);
        CHECK(tree.size() == nodes * tree.node_size);
        CHECK(tree.node_size == 24 + 64 * 8 + 65 * (8 + 8 * 3));
    }
}

TEST_CASE("levels a compressor does not have are refused before anything is laid out") {
    for (const int level : {0, 10, -1}) {
        hdf5::Builder builder;
        CHECK(test::code_of([&] {
                  builder.compress({Compression::Method::gzip, level, 1 << 20});
              }) == ErrorCode::invalid_argument);
    }
    CHECK(parse_compression("gzip:9").level == 9);
    CHECK(parse_compression("zstd").method == Compression::Method::zstd);
    for (const char* bad : {"", "gzip:", "gzip:x", "lzma", "gzip 4", "none"})
        CHECK(test::code_of([&] { parse_compression(bad); }) == ErrorCode::invalid_argument);
}
