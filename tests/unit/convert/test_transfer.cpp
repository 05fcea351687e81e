// SPDX-License-Identifier: Apache-2.0
// The transfer engine over plain pieces: right bytes by every route, whatever the thread count.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <thread>

#include "convert/transfer.h"
#include "io/checksum.h"
#include "support/expect_error.h"
#include "support/sample.h"
#include "support/scratch.h"

using namespace ballast;
using test::Bytes;
using test::bytes_of;

namespace {

/// Byte i of piece `cookie` is their sum.
class Counting final : public ByteProducer {
public:
    void produce(std::uint64_t cookie, std::span<std::byte> out) const override {
        for (std::size_t i = 0; i < out.size(); ++i)
            out[i] = static_cast<std::byte>(cookie + i);
    }
};

class Recorder final : public PlanHooks {
public:
    Finish finish(const PlanResults& seen) override {
        results = seen;
        return {};
    }
    PlanResults results;
};

/// A plan of one file with everything an engine may meet, and the bytes it must lead to.
struct Everything {
    WritePlan plan;
    Bytes expected;
    std::shared_ptr<Recorder> recorder = std::make_shared<Recorder>();

    explicit Everything(std::shared_ptr<const io::Source> source, Checksum checksum = Checksum::none) {
        plan.files.push_back({"out", 0, {}, checksum});
        plan.commit = "out";
        plan.hooks = recorder;
        Bytes image(source->size());
        source->read_at(0, image);

        add(FixedBytes{bytes_of("header")}, bytes_of("header"));
        expected.resize(4096);  // a gap
        // Many short tensors, contiguous on both sides; then in reverse; then with gaps.
        for (std::uint64_t i = 0; i < 500; ++i)
            add_tensor(source, image, i * 64, 64);
        for (std::uint64_t i = 500; i > 0; --i)
            add_tensor(source, image, i * 64, 64);
        for (std::uint64_t i = 0; i < 200; ++i) {
            add_tensor(source, image, 100000 + i * 2000, 300);
            expected.resize(expected.size() + i);
        }
        // Long ones: contiguous neighbours and single ones, at odd offsets.
        add_tensor(source, image, 1000, 20u << 20);
        add_tensor(source, image, 1000 + (20u << 20), 100000);
        add(FixedBytes{bytes_of("x")}, bytes_of("x"));
        add_tensor(source, image, 17, 3000000 & ~3u);
        // Zeros, short and long.
        add(Hole{100}, Bytes(100));
        add_tensor(source, image, 0, 8);
        add(Hole{1u << 20}, Bytes(1u << 20));
        // Computed, short and long.
        for (const std::uint64_t rows : {std::uint64_t{10}, std::uint64_t{3000}}) {
            const auto ref = test::stored_at(source, 4000, DType::float32, {rows, 1000});
            Bytes transposed(rows * 4000);
            for (std::uint64_t r = 0; r < rows; ++r)
                for (std::uint64_t c = 0; c < 1000; ++c)
                    std::memcpy(transposed.data() + (c * rows + r) * 4,
                                image.data() + 4000 + (r * 1000 + c) * 4, 4);
            add(TensorBytes{TensorExpr::transpose(ref, {1, 0})}, transposed);
        }
        // Streamed casts.
        const auto wide = test::stored_at(source, 8, DType::uint8, {3u << 20});
        Bytes cast(4 * (3u << 20));
        for (std::size_t i = 0; i < (3u << 20); ++i) {
            const auto value = static_cast<float>(std::to_integer<int>(image[8 + i]));
            std::memcpy(cast.data() + i * 4, &value, 4);
        }
        add(TensorBytes{TensorExpr::cast(wide, DType::float32)}, cast);
        // Big-endian.
        TensorInfo big = *test::stored_at(source, 40, DType::uint32, {1u << 18});
        big.storage.big_endian = true;
        Bytes swapped(image.begin() + 40, image.begin() + 40 + (4 << 18));
        for (std::size_t i = 0; i < swapped.size(); i += 4)
            std::reverse(swapped.begin() + i, swapped.begin() + i + 4);
        add(TensorBytes{TensorRef(std::make_shared<const TensorInfo>(big))}, swapped);
        // Copied, produced, empty.
        add(CopiedBytes{{source, 12345, 200000}}, Bytes(image.begin() + 12345, image.begin() + 212345));
        add(CopiedBytes{{source, 5, 11}}, Bytes(image.begin() + 5, image.begin() + 16));
        for (const std::size_t length : {std::size_t{50}, std::size_t{2500000}}) {
            Bytes counted(length);
            Counting().produce(7, counted);
            add(ProducedBytes{std::make_shared<Counting>(), 7, length}, counted);
        }
        add(TensorBytes{test::stored_at(source, 0, DType::float32, {0, 4})}, {});
        add(FixedBytes{}, {});
        const Bytes large = test::noise(1500000, 3);
        add(FixedBytes{large}, large);
        expected.resize(expected.size() + 5000);  // zeros at the end
        plan.files[0].size = expected.size();
    }

    template <class Content>
    void add(Content content, const Bytes& bytes) {
        plan.files[0].pieces.push_back({expected.size(), std::move(content)});
        expected.insert(expected.end(), bytes.begin(), bytes.end());
    }

    void add_tensor(const std::shared_ptr<const io::Source>& source, const Bytes& image, std::uint64_t offset,
                    std::uint64_t length) {
        const auto ref = test::stored_at(source, offset, DType::float32, {length / 4});
        add(TensorBytes{ref}, Bytes(image.begin() + static_cast<std::ptrdiff_t>(offset),
                                    image.begin() + static_cast<std::ptrdiff_t>(offset + length)));
    }
};

std::uint64_t total(const TransferStats& stats) {
    std::uint64_t sum = 0;
    for (const std::uint64_t bytes : stats.bytes)
        sum += bytes;
    return sum;
}

std::uint64_t by(const TransferStats& stats, Route route) {
    return stats.bytes[static_cast<std::size_t>(route)];
}

}  // namespace

TEST_CASE("every kind of piece arrives, on any file system, with any thread count") {
    const test::Scratch scratch;
    const auto disk = io::local(scratch.path());
    test::put_file(*disk, "in", test::noise(25u << 20, 1));
    for (const unsigned threads : {1U, 2U, 7U}) {
        for (const auto& fs : {disk, io::memory()}) {
            const Everything sample(disk->open("in"));
            WriteOptions options;
            options.threads = threads;
            options.overwrite = Overwrite::allow;
            const TransferStats stats = execute(sample.plan, fs, options);
            CHECK(test::contents(*fs, "out") == sample.expected);
            CHECK(total(stats) == stats.written);
            CHECK(by(stats, Route::decode) == (4 << 18));
            CHECK(by(stats, Route::compute) == 4000 * 3010 + 4 * (3u << 20));
            CHECK((by(stats, Route::kernel_copy) > 0) == (fs == disk));
        }
    }
}

TEST_CASE("checksums of pieces, also of those written in parts, and of holes") {
    const auto source = test::source_of(test::noise(25u << 20, 1));
    for (const Checksum kind : {Checksum::crc32, Checksum::crc32c}) {
        for (const unsigned threads : {1U, 3U}) {
            const Everything sample(source, kind);
            const auto fs = io::memory();
            WriteOptions options;
            options.threads = threads;
            execute(sample.plan, fs, options);
            CHECK(test::contents(*fs, "out") == sample.expected);
            const auto& results = sample.recorder->results;
            REQUIRE(results.size() == 1);
            REQUIRE(results[0].size() == sample.plan.files[0].pieces.size());
            for (std::size_t i = 0; i < results[0].size(); ++i) {
                const PieceResult& result = results[0][i];
                CHECK(result.offset == sample.plan.files[0].pieces[i].offset);
                const auto bytes = std::span(sample.expected).subspan(result.offset, result.length);
                const std::uint32_t expected = kind == Checksum::crc32 ? io::crc32(bytes) : io::crc32c(bytes);
                REQUIRE(result.checksum == expected);
            }
        }
    }
}

TEST_CASE("pieces may come in any order") {
    const auto source = test::source_of(test::noise(25u << 20, 1));
    Everything sample(source);
    std::mt19937 random(5);
    std::shuffle(sample.plan.files[0].pieces.begin(), sample.plan.files[0].pieces.end(), random);
    const auto fs = io::memory();
    execute(sample.plan, fs, {});
    CHECK(test::contents(*fs, "out") == sample.expected);
    const auto& results = sample.recorder->results;
    for (std::size_t i = 0; i < results[0].size(); ++i)
        CHECK(results[0][i].offset == sample.plan.files[0].pieces[i].offset);
}

TEST_CASE("short neighbours are read and written together") {
    // Counts calls on the way to memory.
    class CountingSource final : public io::Source {
    public:
        explicit CountingSource(std::shared_ptr<const io::Source> inner) : inner_(std::move(inner)) {}
        std::uint64_t size() const noexcept override { return inner_->size(); }
        const std::string& path() const noexcept override { return inner_->path(); }
        void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
            ++reads;
            inner_->read_at(offset, out);
        }
        mutable std::atomic<int> reads{0};

    private:
        std::shared_ptr<const io::Source> inner_;
    };
    constexpr std::size_t count = 100000;
    const Bytes image = test::noise(count * 200, 1);
    for (const std::uint64_t stride : {std::uint64_t{64}, std::uint64_t{200}}) {
        const auto source = std::make_shared<CountingSource>(test::source_of(image));
        WritePlan plan{{{"out", count * 64, {}, Checksum::none}}, "out", {}, nullptr};
        Bytes expected;
        for (std::size_t i = 0; i < count; ++i) {
            plan.files[0].pieces.push_back(
                {i * 64, TensorBytes{test::stored_at(source, i * stride, DType::float32, {16})}});
            expected.insert(expected.end(), image.begin() + static_cast<std::ptrdiff_t>(i * stride),
                            image.begin() + static_cast<std::ptrdiff_t>(i * stride + 64));
        }
        const auto fs = io::memory();
        execute(plan, fs, {});
        CHECK(test::contents(*fs, "out") == expected);
        CHECK(source->reads < 100);
    }
}

TEST_CASE("progress and cancellation come on the calling thread") {
    const auto source = test::source_of(test::noise(25u << 20, 1));
    const Everything sample(source);
    for (const unsigned threads : {1U, 4U}) {
        const auto fs = io::memory();
        const auto caller = std::this_thread::get_id();
        WriteOptions options;
        options.threads = threads;
        std::vector<Progress> seen;
        options.progress = [&](const Progress& progress) {
            CHECK(std::this_thread::get_id() == caller);
            seen.push_back(progress);
        };
        execute(sample.plan, fs, options);
        REQUIRE(!seen.empty());
        CHECK(seen.back().done_bytes == sample.plan.tensor_bytes());
        CHECK(std::is_sorted(seen.begin(), seen.end(), [](const Progress& a, const Progress& b) {
            return a.done_bytes < b.done_bytes;
        }));

        const auto untouched = io::memory();
        int polls = 0;
        options.cancel = [&] {
            CHECK(std::this_thread::get_id() == caller);
            return ++polls > 2;
        };
        CHECK(test::code_of([&] { execute(sample.plan, untouched, options); }) == ErrorCode::cancelled);
        CHECK(untouched->list("").empty());
        options.cancel = [] { return true; };
        CHECK(test::code_of([&] { execute(sample.plan, untouched, options); }) == ErrorCode::cancelled);
        CHECK(untouched->list("").empty());
    }
}

TEST_CASE("cancellation is asked for at least every 8 MiB") {
    const auto source = test::source_of(Bytes(64u << 20));
    WritePlan plan{{{"out", 64u << 20, {}, Checksum::none}}, "out", {}, nullptr};
    plan.files[0].pieces.push_back({0, TensorBytes{test::stored_at(source, 0, DType::uint8, {64u << 20})}});
    WriteOptions options;
    options.threads = 1;
    int polls = 0;
    options.cancel = [&] {
        ++polls;
        return false;
    };
    execute(plan, io::memory(), options);
    CHECK(polls >= 8);
}

TEST_CASE("a source that is too short is an error with tensor, path and offset, and leaves nothing") {
    const Bytes image = test::noise(3u << 20, 1);
    for (const std::size_t length : {std::size_t{64}, std::size_t{3u << 20}}) {
        const auto source = test::source_of(
            Bytes(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(length - 1)), "short.h5");
        for (const unsigned threads : {1U, 2U}) {
            WritePlan plan{{{"out", length, {}, Checksum::none}}, "out", {}, nullptr};
            plan.files[0].pieces.push_back(
                {0, TensorBytes{test::stored_at(source, 0, DType::uint8, {length}, "dense/kernel")}});
            const auto fs = io::memory();
            WriteOptions options;
            options.threads = threads;
            const Error error = test::error_of([&] { execute(plan, fs, options); });
            CHECK(error.code() == ErrorCode::truncated);
            CHECK(error.path() == "short.h5");
            CHECK(error.tensor() == "dense/kernel");
            CHECK(error.offset().has_value());
            CHECK(fs->list("").empty());
        }
    }
}

TEST_CASE("a plan that contradicts itself is refused before anything is written") {
    const auto fs = io::memory();
    const auto run = [&](std::vector<Piece> pieces, std::uint64_t size) {
        WritePlan plan{{{"out", size, std::move(pieces), Checksum::none}}, "out", {}, nullptr};
        return test::code_of([&] { execute(plan, fs, {}); });
    };
    CHECK(run({{0, Hole{10}}, {9, Hole{1}}}, 10) == ErrorCode::internal);
    CHECK(run({{5, Hole{6}}}, 10) == ErrorCode::internal);
    CHECK(run({{~0ULL, Hole{2}}}, 10) == ErrorCode::internal);
    CHECK(fs->list("").empty());
    CHECK(run({{4, Hole{6}}, {0, FixedBytes{bytes_of("abcd")}}}, 10) != ErrorCode::write_failed);
    CHECK(test::contents(*fs, "out") == bytes_of(std::string_view("abcd\0\0\0\0\0\0", 10)));
}
