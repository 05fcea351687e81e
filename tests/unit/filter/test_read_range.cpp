// SPDX-License-Identifier: Apache-2.0
// read_range over all kinds of storage: every begin and end of small tensors against the whole, worked out
// here.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "filter/chunk_copy.h"
#include "filter/decode.h"
#include "support/bytes.h"
#include "support/expect_error.h"

using namespace ballast;
using test::Bytes;

namespace {

Bytes random_bytes(std::size_t size, unsigned seed) {
    std::mt19937 random(seed);
    Bytes bytes(size);
    for (auto& b : bytes)
        b = static_cast<std::byte>(random());
    return bytes;
}

TensorInfo tensor_of(DType dtype, Shape shape) {
    TensorInfo tensor;
    tensor.stored_name = "t";
    tensor.dtype = dtype;
    tensor.shape = std::move(shape);
    return tensor;
}

Bytes read(const TensorInfo& tensor, std::uint64_t begin, std::uint64_t length) {
    Bytes out(length, std::byte{0xee});
    read_range(tensor, begin, out);
    return out;
}

/// Every range of the tensor, or a thousand of them.
void check_ranges(const TensorInfo& tensor, const Bytes& expected) {
    REQUIRE(tensor.byte_count() == expected.size());
    CHECK(read(tensor, 0, expected.size()) == expected);
    std::mt19937 random(7);
    std::size_t wrong = 0;
    for (int i = 0; i < 1000; ++i) {
        const std::uint64_t begin = random() % (expected.size() + 1);
        const std::uint64_t length = random() % (expected.size() - begin + 1);
        const auto at = expected.begin() + static_cast<std::ptrdiff_t>(begin);
        if (read(tensor, begin, length) != Bytes(at, at + static_cast<std::ptrdiff_t>(length))) ++wrong;
    }
    CHECK(wrong == 0);
    CHECK(test::code_of([&] { read(tensor, expected.size(), 1); }) == ErrorCode::invalid_argument);
    CHECK(test::code_of([&] { read(tensor, UINT64_MAX, 2); }) == ErrorCode::invalid_argument);
}

Bytes swapped(Bytes bytes, DType dtype) {
    swap_bytes(bytes, dtype);
    return bytes;
}

/// Cuts a row-major tensor in chunks, element by element, leaving out those that `keep` refuses (they read as
/// fill).
template <class Keep>
std::shared_ptr<ChunkedLayout> cut(const Bytes& whole, const Shape& shape, const Shape& chunk,
                                   std::size_t element, Bytes& expected, const Bytes& fill, Keep keep) {
    auto layout = std::make_shared<ChunkedLayout>();
    layout->chunk_shape = chunk;
    layout->fill = fill;
    const std::size_t rank = shape.rank();
    std::vector<std::uint64_t> grid(rank);
    std::uint64_t cells = 1;
    for (std::size_t i = 0; i < rank; ++i)
        cells *= grid[i] = (shape[i] + chunk[i] - 1) / chunk[i];
    const std::uint64_t chunk_bytes = chunk.element_count() * element;
    Bytes file;
    expected.assign(whole.size(), std::byte{0});
    for (std::size_t i = 0; i < expected.size() && !fill.empty(); ++i)
        expected[i] = fill[i % fill.size()];
    for (std::uint64_t cell = 0; cell < cells; ++cell) {
        if (!keep(cell)) continue;
        Bytes stored(chunk_bytes, std::byte{0x55});
        for (std::uint64_t in = 0; in < chunk.element_count(); ++in) {
            std::uint64_t rest_in = in, rest_cell = cell, at = 0, stride = 1;
            bool inside = true;
            for (std::size_t axis = rank; axis-- > 0;) {
                const std::uint64_t index = rest_cell % grid[axis] * chunk[axis] + rest_in % chunk[axis];
                rest_in /= chunk[axis];
                rest_cell /= grid[axis];
                inside = inside && index < shape[axis];
                at += index * stride;
                stride *= shape[axis];
            }
            if (!inside) continue;
            for (std::size_t b = 0; b < element; ++b) {
                stored[in * element + b] = expected[at * element + b] = whole[at * element + b];
            }
        }
        layout->chunks.push_back({cell, file.size(), chunk_bytes, 0});
        file.insert(file.end(), stored.begin(), stored.end());
    }
    layout->source = test::as_source(file, "chunks");
    return layout;
}

}  // namespace

TEST_CASE("contiguous, inline and never written") {
    const Bytes bytes = random_bytes(60, 1);
    TensorInfo tensor = tensor_of(DType::float32, {3, 5});
    Bytes file(10 + bytes.size(), std::byte{1});
    std::copy(bytes.begin(), bytes.end(), file.begin() + 10);
    tensor.storage.layout = Extent{test::as_source(file), 10, 60};
    check_ranges(tensor, bytes);
    tensor.storage.big_endian = true;
    check_ranges(tensor, swapped(bytes, DType::float32));

    const auto owner = std::make_shared<const Bytes>(bytes);
    tensor.storage.layout = InlineBytes{owner, *owner};
    check_ranges(tensor, swapped(bytes, DType::float32));
    tensor.storage.layout = Extent{test::as_source(file), 0, 0};
    check_ranges(tensor, Bytes(60));

    tensor.storage.layout = Extent{test::as_source(file), 20, 60};  // leaves the file
    const Error error = test::error_of([&] { read(tensor, 0, 60); });
    CHECK(error.code() == ErrorCode::truncated);
    CHECK(error.tensor() == "t");
}

TEST_CASE("big-endian ranges that begin and end within elements") {
    for (const DType dtype :
         {DType::int16, DType::float64, DType::complex64, DType::complex128, DType::uint8}) {
        CAPTURE(to_string(dtype));
        TensorInfo tensor = tensor_of(dtype, {7});
        const Bytes bytes = random_bytes(tensor.byte_count(), 2);
        tensor.storage.layout = Extent{test::as_source(bytes), 0, bytes.size()};
        tensor.storage.big_endian = true;
        check_ranges(tensor, swapped(bytes, dtype));
    }
}

TEST_CASE("chunked: shapes of all ranks, edges, missing chunks, fill values, both byte orders") {
    const std::pair<Shape, Shape> cases[] = {
        {{10}, {3}},
        {{10}, {10}},
        {{10}, {16}},
        {{6, 7}, {4, 3}},
        {{6, 7}, {6, 3}},
        {{6, 7}, {2, 7}},
        {{1, 9}, {1, 4}},
        {{3, 4, 5}, {2, 3, 2}},
        {{3, 4, 5}, {2, 4, 5}},
        {{2, 3, 2, 3}, {1, 2, 2, 2}},
        {{3, 4, 5}, {3, 1, 5}},
    };
    unsigned seed = 0;
    for (const auto& row : cases) {
        // Named anew: clang 14 lets no lambda, and so no CAPTURE, take a structured binding.
        const Shape &shape = row.first, &chunk = row.second;
        for (const DType dtype : {DType::uint8, DType::float32, DType::float64}) {
            for (const bool filled : {false, true}) {
                CAPTURE(shape.to_string());
                CAPTURE(chunk.to_string());
                ++seed;
                const std::size_t element = byte_size(dtype, 1);
                TensorInfo tensor = tensor_of(dtype, shape);
                const Bytes whole = random_bytes(tensor.byte_count(), seed);
                Bytes expected;
                const Bytes fill = filled ? random_bytes(element, seed + 100) : Bytes{};
                tensor.storage.layout = std::shared_ptr<const ChunkedLayout>(
                    cut(whole, shape, chunk, element, expected, fill,
                        [&](std::uint64_t cell) { return (cell + seed) % 3 != 0; }));
                check_ranges(tensor, expected);
                tensor.storage.big_endian = true;
                check_ranges(tensor, swapped(expected, dtype));
            }
        }
    }
}

TEST_CASE("errors of chunks carry path, tensor and offset") {
    TensorInfo tensor = tensor_of(DType::uint8, {8});
    Bytes expected;
    const auto layout =
        cut(random_bytes(8, 1), {8}, {4}, 1, expected, {}, [](std::uint64_t) { return true; });
    layout->filters = {{Filter::fletcher32, {}}};
    tensor.storage.layout = std::shared_ptr<const ChunkedLayout>(layout);
    const Error error = test::error_of([&] { read(tensor, 4, 4); });
    CHECK(error.code() == ErrorCode::checksum_mismatch);
    CHECK(error.path() == "chunks");
    CHECK(error.tensor() == "t");
    CHECK(error.offset() == 4);
}

TEST_CASE("whole tensors on several threads are those of one thread") {
    // Larger than what is worth threads: some axes cut, some not, chunks missing, both byte orders.
    const std::pair<Shape, Shape> cases[] = {{{1 << 20, 5}, {1 << 13, 5}},
                                             {{1100, 1000}, {64, 300}},
                                             {{3, 1 << 19}, {3, 1 << 16}},
                                             {{5'000'000}, {1 << 20}}};
    unsigned seed = 0;
    for (const auto& row : cases) {
        const Shape &shape = row.first, &chunk = row.second;
        for (const bool big : {false, true}) {
            CAPTURE(shape.to_string());
            CAPTURE(big);
            TensorInfo tensor = tensor_of(DType::float32, shape);
            const Bytes whole = random_bytes(tensor.byte_count(), ++seed);
            Bytes expected;
            tensor.storage.layout = std::shared_ptr<const ChunkedLayout>(
                cut(whole, shape, chunk, 4, expected, random_bytes(4, seed),
                    [](std::uint64_t cell) { return cell % 5 != 3; }));
            tensor.storage.big_endian = big;
            if (big) expected = swapped(expected, DType::float32);
            for (const unsigned threads : {1u, 2u, 5u, 0u}) {
                Bytes out(expected.size(), std::byte{0xee});
                read_tensor(tensor, out, threads);
                CHECK(out == expected);
            }
        }
    }
    TensorInfo tensor = tensor_of(DType::uint8, {4});
    Bytes small(3);
    CHECK(test::code_of([&] { read_tensor(tensor, small); }) == ErrorCode::invalid_argument);
}

TEST_CASE("an error in one of many threads carries path, tensor and offset") {
    TensorInfo tensor = tensor_of(DType::uint8, {8 << 20});
    Bytes expected;
    const auto layout = cut(random_bytes(8 << 20, 1), {8 << 20}, {1 << 20}, 1, expected, {},
                            [](std::uint64_t) { return true; });
    layout->filters = {{Filter::fletcher32, {}}};
    for (Chunk& chunk : layout->chunks)
        chunk.filter_mask = chunk.grid_index == 5 ? 0 : 1;
    tensor.storage.layout = std::shared_ptr<const ChunkedLayout>(layout);
    for (const unsigned threads : {1u, 3u}) {
        Bytes out(expected.size());
        const Error error = test::error_of([&] { read_tensor(tensor, out, threads); });
        CHECK(error.code() == ErrorCode::checksum_mismatch);
        CHECK(error.path() == "chunks");
        CHECK(error.tensor() == "t");
        CHECK(error.offset() == 5 << 20);
    }
}
