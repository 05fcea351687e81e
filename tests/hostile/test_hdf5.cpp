// SPDX-License-Identifier: Apache-2.0
// The HDF5 reader over broken files: cut at every byte, changed at random, and the malformed files of the zoo. Each
// gives a typed error with a place, or a parsed file; no single allocation is out of proportion.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <new>
#include <random>

#include "container/hdf5/read.h"
#include "filter/decode.h"
#include "support/bytes.h"

namespace {

thread_local bool watching = false;
thread_local std::size_t largest = 0;

}  // namespace

void* operator new(std::size_t size) {
    if (watching && size > largest) largest = size;
    if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}
// std::stable_sort takes its buffer this way; AddressSanitizer wants the pair to match.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    if (watching && size > largest) largest = size;
    return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using namespace ballast;
using test::Bytes;

const std::filesystem::path golden = std::filesystem::path(BALLAST_TEST_DATA) / "golden";
const char* const seeds[] = {"tf_keras-2.21.0-weights-only.h5", "keras-3.15.1-dense.weights.h5",
                             "h5py-3.14.0-gzip-shuffle.weights.h5"};

constexpr std::size_t largest_read = 1 << 20;

void read_data(const hdf5::File& file) {
    for (const hdf5::Object& object : file.objects()) {
        if (object.kind != hdf5::ObjectKind::dataset) continue;
        const hdf5::Dataset& dataset = file.dataset(file.id_of(object));
        if (dataset.problem) continue;
        TensorInfo tensor;
        tensor.dtype = dataset.dtype;
        tensor.shape = dataset.shape;
        tensor.storage = dataset.storage;
        Bytes out(std::min<std::uint64_t>(tensor.byte_count(), largest_read));
        try {
            read_range(tensor, 0, out);
        } catch (const Error& error) {
            CHECK(kind_of(error.code()) != ErrorKind::internal);
        }
    }
}

/// Parses and reads; true when it parsed. Everything but a typed error with a place fails the test.
bool survives(const Bytes& bytes) {
    const auto source = test::as_source(bytes);
    watching = true;
    largest = 0;
    bool parsed = false;
    try {
        read_data(*hdf5::File::parse(source, Limits{}));
        parsed = true;
    } catch (const Error& error) {
        watching = false;
        const ErrorKind kind = kind_of(error.code());
        CHECK_MESSAGE((kind == ErrorKind::damaged || kind == ErrorKind::unreadable || kind == ErrorKind::refused), error.what());
        CHECK(error.path() == "test");
        CHECK_MESSAGE((error.offset().has_value() || !error.tensor().empty()), error.what());
    }
    watching = false;
    CHECK(largest <= (64u << 20) + 4 * bytes.size());
    return parsed;
}

}  // namespace

TEST_CASE("a file cut at any byte is refused as truncated or not recognised") {
    for (const char* name : seeds) {
        CAPTURE(name);
        const Bytes whole = test::from_file(golden / name);
        CHECK(survives(whole));
        std::size_t parsed = 0;
        for (std::size_t length = 0; length < whole.size(); ++length) {
            parsed += survives(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length))) ? 1 : 0;
        }
        CHECK(parsed == 0);
    }
}

TEST_CASE("a thousand random changes to each of three files") {
    static constexpr std::uint64_t favourites[] = {0,          1,          0x7fffffff,         0xffffffff,
                                                   1ull << 62, UINT64_MAX, 0x7fffffffffffffff, 96};
    for (const char* name : seeds) {
        CAPTURE(name);
        const Bytes whole = test::from_file(golden / name);
        std::mt19937 random(20260101);
        std::size_t refused = 0;
        for (int round = 0; round < 1000; ++round) {
            CAPTURE(round);
            Bytes changed = whole;
            const std::size_t edits = 1 + random() % 4;
            for (std::size_t edit = 0; edit < edits; ++edit) {
                const std::size_t at = random() % (changed.size() - 8);
                if (random() % 3 == 0) {
                    const std::uint64_t value = favourites[random() % std::size(favourites)];
                    const std::size_t width = std::size_t{1} << random() % 4;
                    for (std::size_t i = 0; i < width; ++i) changed[at + i] = static_cast<std::byte>(value >> (8 * i));
                } else {
                    changed[at] ^= static_cast<std::byte>(1 << random() % 8);
                }
            }
            refused += survives(changed) ? 0 : 1;
        }
        CHECK(refused > 0);
    }
}

TEST_CASE("malformed files that crashed or hung other readers") {
    const char* zoo = std::getenv("BALLAST_ZOO");
    const std::filesystem::path folder =
        (zoo != nullptr ? std::filesystem::path(zoo) : std::filesystem::path(BALLAST_TEST_DATA) / "../../shared/zoo") /
        "hostile-hdf5";
    if (!std::filesystem::is_directory(folder)) {
        MESSAGE("no zoo here: set BALLAST_ZOO");
        return;
    }
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() == ".md") continue;
        CAPTURE(entry.path().string());
        const auto begin = std::chrono::steady_clock::now();
        survives(test::from_file(entry.path()));
        CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(2));
    }
}
