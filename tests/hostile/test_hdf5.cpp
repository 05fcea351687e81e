// SPDX-License-Identifier: Apache-2.0
// The HDF5 reader over broken files: cut at every byte, changed at random, and the malformed files of the
// zoo. Each gives a typed error with a place, or a parsed file; no single allocation is out of proportion.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <new>
#include <random>

#include "container/hdf5/read.h"
#include "filter/decode.h"
#include "support/bytes.h"
#include "support/h5image.h"

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
void operator delete(void* memory, const std::nothrow_t&) noexcept {
    std::free(memory);
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace {

using namespace ballast;
using test::Bytes;

const std::filesystem::path golden = std::filesystem::path(BALLAST_TEST_DATA) / "golden";
const char* const seeds[] = {"tf_keras-2.21.0-weights-only.h5", "keras-3.15.1-dense.weights.h5",
                             "h5py-3.14.0-gzip-shuffle.weights.h5"};
/// Newer structures, nearly all with checksums.
const char* const new_seeds[] = {"h5py-3.14.0-latest.h5", "h5py-3.14.0-dense.h5",
                                 "h5py-3.14.0-shared-messages.h5", "h5py-3.14.0-text.h5",
                                 "h5py-3.14.0-earliest.h5"};

constexpr std::size_t largest_read = 1 << 20;

void check_answer(const Error& error) {
    const bool was_watching = watching;
    watching = false;
    const ErrorKind kind = kind_of(error.code());
    CHECK_MESSAGE((kind == ErrorKind::damaged || kind == ErrorKind::unreadable || kind == ErrorKind::refused),
                  error.what());
    CHECK(error.path() == "test");
    CHECK_MESSAGE((error.offset().has_value() || !error.tensor().empty()), error.what());
    watching = was_watching;
}

/// Reads what can be read; returns how much could not.
std::size_t read_data(const hdf5::File& file) {
    std::size_t problems = file.problems().size();
    for (const Error& problem : file.problems())
        check_answer(problem);
    for (const hdf5::Object& object : file.objects()) {
        if (object.kind != hdf5::ObjectKind::dataset) continue;
        const hdf5::Dataset& dataset = file.dataset(file.id_of(object));
        if (dataset.problem) {
            check_answer(*dataset.problem);
            ++problems;
            if (dataset.text == hdf5::Dataset::Text::none) continue;
            try {
                hdf5::read_strings(file, file.id_of(object), Limits{});
            } catch (const Error& error) {
                check_answer(error);
            }
            continue;
        }
        TensorInfo tensor;
        tensor.dtype = dataset.dtype;
        tensor.shape = dataset.shape;
        tensor.storage = dataset.storage;
        Bytes out(std::min<std::uint64_t>(tensor.byte_count(), largest_read));
        try {
            read_range(tensor, 0, out);
        } catch (const Error& error) {
            CHECK(kind_of(error.code()) != ErrorKind::internal);
            ++problems;
        }
    }
    return problems;
}

enum class Answer { sound, problems, refused };

/// Parses and reads. Everything but a typed error with a place fails the test.
Answer survives(const Bytes& bytes) {
    const auto source = test::as_source(bytes);
    watching = true;
    largest = 0;
    Answer answer = Answer::refused;
    try {
        answer = read_data(*hdf5::File::parse(source, Limits{})) == 0 ? Answer::sound : Answer::problems;
    } catch (const Error& error) {
        check_answer(error);
    }
    watching = false;
    CHECK(largest <= (64u << 20) + 4 * bytes.size());
    return answer;
}

/// The file with a few bits or numbers changed.
Bytes mutated(const Bytes& whole, std::mt19937& random) {
    static constexpr std::uint64_t favourites[] = {0,          1,          0x7fffffff,         0xffffffff,
                                                   1ull << 62, UINT64_MAX, 0x7fffffffffffffff, 96};
    Bytes changed = whole;
    const std::size_t edits = 1 + random() % 4;
    for (std::size_t edit = 0; edit < edits; ++edit) {
        const std::size_t at = random() % (changed.size() - 8);
        if (random() % 3 == 0) {
            const std::uint64_t value = favourites[random() % std::size(favourites)];
            test::store(changed, at, value, std::size_t{1} << random() % 4);
        } else {
            changed[at] ^= static_cast<std::byte>(1 << random() % 8);
        }
    }
    return changed;
}

/// Counts what becomes of a file changed a number of times.
struct Tally {
    std::size_t sound = 0, problems = 0, refused = 0;
    void add(Answer answer) {
        ++(answer == Answer::sound ? sound : answer == Answer::problems ? problems : refused);
    }
};

}  // namespace

TEST_CASE("a file cut at any byte is refused as truncated or not recognised") {
    std::vector<const char*> names(std::begin(seeds), std::end(seeds));
    names.insert(names.end(), std::begin(new_seeds), std::end(new_seeds));
    for (const char* name : names) {
        CAPTURE(name);
        const Bytes whole = test::from_file(golden / name);
        CHECK(survives(whole) != Answer::refused);
        std::size_t parsed = 0;
        for (std::size_t length = 0; length < whole.size(); ++length) {
            const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
            parsed += survives(cut) == Answer::refused ? 0 : 1;
        }
        CHECK(parsed == 0);
    }
}

TEST_CASE("a thousand random changes to each of some files") {
    for (const char* name : seeds) {
        CAPTURE(name);
        const Bytes whole = test::from_file(golden / name);
        std::mt19937 random(20260101);
        Tally tally;
        for (int round = 0; round < 1000; ++round) {
            CAPTURE(round);
            tally.add(survives(mutated(whole, random)));
        }
        CHECK(tally.refused > 0);
        CHECK(tally.problems > 0);
    }
}

TEST_CASE("random changes to newer files, as they are and with their checksums put right") {
    for (const char* name : new_seeds) {
        CAPTURE(name);
        const Bytes whole = test::from_file(golden / name);
        const test::Checksums checksums(whole);
        std::mt19937 random(20260102);
        for (const bool repaired : {false, true}) {
            CAPTURE(repaired);
            Tally tally;
            for (int round = 0; round < 1500; ++round) {
                CAPTURE(round);
                Bytes changed = mutated(whole, random);
                if (repaired) checksums.repair(changed);
                tally.add(survives(changed));
            }
            CHECK(tally.refused > 0);
            CHECK(tally.problems > 0);
        }
    }
}

TEST_CASE("every byte of every checksummed structure, changed and with the checksum put right") {
    for (const char* name :
         {"h5py-3.14.0-latest.h5", "h5py-3.14.0-dense.h5", "h5py-3.14.0-shared-messages.h5"}) {
        CAPTURE(name);
        const Bytes whole = test::from_file(golden / name);
        const test::Checksums checksums(whole);
        REQUIRE(checksums.count() > 5);
        Tally tally;
        for (const auto& place : checksums.places()) {
            for (std::size_t at = place.begin; at < place.begin + place.length; ++at) {
                for (const unsigned value : {0x00u, 0x01u, 0x7fu, 0xffu}) {
                    CAPTURE(at);
                    CAPTURE(value);
                    if (whole[at] == static_cast<std::byte>(value)) continue;
                    Bytes changed = whole;
                    changed[at] = static_cast<std::byte>(value);
                    checksums.repair(changed);
                    tally.add(survives(changed));
                }
            }
        }
        CHECK(tally.sound > 0);
        CHECK(tally.problems > 0);
        CHECK(tally.refused > 0);
    }
}

TEST_CASE("malformed files that crashed or hung other readers") {
    const char* zoo = std::getenv("BALLAST_ZOO");
    const std::filesystem::path folder =
        (zoo != nullptr ? std::filesystem::path(zoo)
                        : std::filesystem::path(BALLAST_TEST_DATA) / "../../shared/zoo") /
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
