// SPDX-License-Identifier: Apache-2.0
// Broken files of every format of the build, in process: cut at every byte, changed at random. Each gives a
// typed error with file and place, or an archive that gives out the bytes as they are; nothing takes memory
// out of proportion.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <random>

#include <doctest/doctest.h>

#include "ballast/registry.h"
#include "conformance.h"
#include "filter/decode.h"
#include "support/memory_file.h"

namespace {

/// The largest single allocation since the last reset.
std::atomic<std::size_t> largest{0};

}  // namespace

// The nothrow pair serves std::stable_sort; AddressSanitizer wants all of them to match.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    std::size_t seen = largest.load(std::memory_order_relaxed);
    while (size > seen && !largest.compare_exchange_weak(seen, size, std::memory_order_relaxed)) {
    }
    return std::malloc(size == 0 ? 1 : size);
}
void* operator new(std::size_t size) {
    if (void* memory = operator new(size, std::nothrow)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
    std::free(memory);
}

namespace {

using namespace ballast;

constexpr std::size_t allocation_floor = 1U << 20U;
constexpr std::uint64_t most_read = 1U << 16U;

/// The tensors as far as they are small; plain ones must be what the file holds at their place.
void read_tensors(const Archive& archive) {
    for (const TensorInfo& tensor : archive.index().tensors()) {
        std::string bytes(static_cast<std::size_t>(std::min(tensor.byte_count(), most_read)), '\0');
        try {
            read_range(tensor, 0, std::as_writable_bytes(std::span(bytes)));
        } catch (const Error& error) {
            CHECK_MESSAGE(kind_of(error.code()) != ErrorKind::internal, error.what());
            continue;
        }
        const auto* extent = std::get_if<Extent>(&tensor.storage.layout);
        if (extent == nullptr || extent->length == 0 || tensor.storage.big_endian) continue;
        // In a set the extent's file is one of several: the source itself says which.
        std::string stored(bytes.size(), '\0');
        extent->source->read_at(extent->offset, std::as_writable_bytes(std::span(stored)));
        CHECK(stored == bytes);
    }
}

/// What was read is a model: writing it anywhere gives a plan or a typed error.
void plan_everywhere(const Archive& archive) {
    for (const Format* format : Registry::current().formats()) {
        if (!format->info().can.write) continue;
        Report report;
        try {
            format->plan(archive.model(), {{io::memory(), "out", Location::Kind::file}, {}, nullptr}, {},
                         report);
        } catch (const Error& error) {
            CHECK_MESSAGE(kind_of(error.code()) != ErrorKind::internal, error.what());
        }
    }
}

bool is_answer_to_bad_input(ErrorKind kind) {
    return kind == ErrorKind::damaged || kind == ErrorKind::unreadable || kind == ErrorKind::refused;
}

/// True when it could be opened. Everything but a typed error with a place, or success, fails the test.
bool survives(const test::Seed& seed, const std::string& bytes) {
    const Location location = test::place(seed, bytes);
    largest = 0;
    bool opened = false;
    try {
        const auto archive = test::open_at(location);
        opened = true;
        read_tensors(*archive);
        plan_everywhere(*archive);
    } catch (const Error& error) {
        CHECK_MESSAGE(is_answer_to_bad_input(error.kind()), error.what());
        const bool names_file = std::any_of(seed.files.begin(), seed.files.end(), [&](const auto& file) {
            return error.path().find(file.first) != std::string::npos ||
                   error.message().find(file.first) != std::string::npos;
        });
        CHECK_MESSAGE(names_file, error.what());
        const bool has_place = error.offset().has_value() || !error.tensor().empty();
        CHECK_MESSAGE(
            (has_place || error.code() == ErrorCode::unknown_format || error.code() == ErrorCode::not_found),
            error.what());
    }
    std::size_t size = 0;
    for (const auto& file : seed.files)
        size += std::max(file.second.size(), bytes.size());
    CHECK(largest <= allocation_floor + 64 * size);
    return opened;
}

std::string mutated(const std::string& whole, std::mt19937& random) {
    static constexpr std::uint64_t favourites[] = {0,           1,         0x7fffffff, 0xffffffff,
                                                   1ULL << 62U, INT64_MAX, UINT64_MAX};
    std::string bytes = whole;
    for (unsigned edits = 1 + random() % 4; edits > 0; --edits) {
        const std::size_t at = random() % bytes.size();
        switch (random() % 4) {
            case 0: {
                const std::uint64_t value = favourites[random() % std::size(favourites)];
                const std::size_t width =
                    std::min<std::size_t>(std::size_t{1} << random() % 4, bytes.size() - at);
                for (std::size_t i = 0; i < width; ++i)
                    bytes[at + i] = static_cast<char>(value >> 8 * i);
                break;
            }
            case 1:
                bytes[at] = static_cast<char>(random());
                break;
            case 2:
                bytes.erase(at, 1 + random() % 9);
                break;
            default:
                bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
                break;
        }
        if (bytes.empty()) return bytes;
    }
    return bytes;
}

/// Those of plugins alone where there are any: the others have had their turn.
std::vector<const Format*> detected_formats() {
    std::vector<const Format*> formats;
    const Registry& registry = Registry::current();
    for (const Format* format : registry.formats()) {
        if (!registry.plugins().empty() && !format->info().meson_option.empty()) continue;
        if (format->info().can.detect) formats.push_back(format);
    }
    return formats;
}

}  // namespace

TEST_CASE("files cut at every byte are refused") {
    for (const Format* format : detected_formats()) {
        for (const test::Seed& seed : test::seeds(*format, 3)) {
            CAPTURE(seed.name);
            const std::string& whole = seed.files.at(seed.changed);
            CHECK(survives(seed, whole));
            std::size_t opened = 0;
            for (std::size_t length = 0; length < whole.size(); ++length)
                opened += survives(seed, whole.substr(0, length)) ? 1 : 0;
            CHECK(opened == 0);
        }
    }
}

TEST_CASE("a thousand random changes to each of three files") {
    for (const Format* format : detected_formats()) {
        std::mt19937 random(20260101);
        for (const test::Seed& seed : test::seeds(*format, 3)) {
            std::size_t opened = 0;
            for (int round = 0; round < 1000; ++round) {
                CAPTURE(seed.name);
                CAPTURE(round);
                opened += survives(seed, mutated(seed.files.at(seed.changed), random)) ? 1 : 0;
            }
            CAPTURE(seed.name);
            // The changes are neither all fatal nor all harmless.
            CHECK(opened > 0);
            CHECK(opened < 1000);
        }
    }
}
