// SPDX-License-Identifier: Apache-2.0
// Statistics of tensors. The interop tests compare with numpy.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>

#include "ballast/registry.h"
#include "ballast/stats.h"
#include "support/expect_error.h"
#include "support/model_builder.h"
#include "support/sample.h"
#include "support/save_in_memory.h"

using namespace ballast;

namespace {

std::shared_ptr<Archive> saved(std::vector<TensorExpr> values) {
    return open(test::save_in_memory(Registry::builtin().find("safetensors"),
                                     test::loose_model(std::move(values)), "a.safetensors"));
}

template <class T>
TensorExpr tensor_of(DType dtype, const std::vector<T>& values) {
    const auto bytes = std::as_bytes(std::span(values));
    return test::inline_tensor(dtype, Shape{values.size()}, {bytes.begin(), bytes.end()}, "t");
}

std::optional<TensorStats> stats_of(const TensorExpr& value, std::size_t bins = 4) {
    const auto archive = saved({value});
    const std::vector<std::size_t> positions = {0};
    StatsOptions options;
    options.bins = bins;
    return tensor_stats(*archive, positions, options)[0];
}

}  // namespace

TEST_CASE("range, mean, deviation and histogram of finite elements; the others counted") {
    const float nan = std::numeric_limits<float>::quiet_NaN(),
                infinite = std::numeric_limits<float>::infinity();
    const auto stats =
        stats_of(tensor_of<float>(DType::float32, {0, 1, 2, 4, nan, infinite, -infinite, -0.0F}));
    REQUIRE(stats.has_value());
    CHECK(stats->elements == 8);
    CHECK(stats->nan == 1);
    CHECK(stats->infinite == 2);
    CHECK(stats->zeros == 2);
    REQUIRE(stats->values.has_value());
    CHECK(stats->values->min == 0);
    CHECK(stats->values->max == 4);
    CHECK(stats->values->mean == doctest::Approx(1.4));
    CHECK(stats->values->deviation == doctest::Approx(std::sqrt(2.24)));
    CHECK(stats->values->histogram == std::vector<std::uint64_t>{2, 1, 1, 1});
}

TEST_CASE("nothing finite, and nothing at all") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    CHECK_FALSE(stats_of(tensor_of<float>(DType::float32, {nan, nan}))->values.has_value());
    const auto empty = stats_of(tensor_of<float>(DType::float32, {}));
    CHECK(empty->elements == 0);
    CHECK_FALSE(empty->values.has_value());
}

TEST_CASE("equal elements lie in the middle of their histogram") {
    const auto stats = stats_of(tensor_of<double>(DType::float64, {3, 3, 3}));
    CHECK(stats->values->deviation == 0);
    CHECK(stats->values->histogram == std::vector<std::uint64_t>{0, 0, 3, 0});
}

TEST_CASE("the whole number line fits a histogram") {
    constexpr double most = std::numeric_limits<double>::max();
    const auto stats = stats_of(tensor_of<double>(DType::float64, {-most, most, 0.5}));
    CHECK(stats->values->histogram == std::vector<std::uint64_t>{1, 0, 1, 1});
}

TEST_CASE("integers, booleans and narrow floats are numbers, complex and opaque ones are not") {
    CHECK(stats_of(tensor_of<std::int64_t>(DType::int64, {-3, 5}))->values->mean == 1);
    CHECK(stats_of(tensor_of<std::uint8_t>(DType::boolean, {0, 1, 1, 1}))->values->mean == 0.75);
    CHECK(stats_of(tensor_of<std::uint16_t>(DType::bfloat16, {0x3F80, 0x7F80}))->infinite == 1);
    CHECK(stats_of(tensor_of<std::uint8_t>(DType::float8_e4m3fn, {0x38, 0x7F}))->nan == 1);
    const auto complex = test::inline_tensor(DType::complex64, Shape{1}, test::Bytes(8), "c");
    CHECK_FALSE(stats_of(complex).has_value());
}

TEST_CASE("large tensors in several blocks: the same whatever the number of threads") {
    std::mt19937 random(3);
    std::vector<float> values(700001);
    for (float& value : values)
        value = static_cast<float>(random()) / 1e9F - 2;
    values[600000] = 77;
    const auto archive = saved({tensor_of(DType::float32, values), tensor_of<float>(DType::float32, {1, 2})});
    const std::vector<std::size_t> positions = {1, 0};
    std::vector<std::vector<std::optional<TensorStats>>> results;
    for (const unsigned threads : {1U, 2U, 5U}) {
        StatsOptions options;
        options.threads = threads;
        results.push_back(tensor_stats(*archive, positions, options));
    }
    double sum = 0, squares = 0;
    for (const float value : values)
        sum += static_cast<double>(value);
    const double mean = sum / static_cast<double>(values.size());
    for (const float value : values)
        squares += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean);
    for (const auto& result : results) {
        const TensorStats::Values& found = *result[1]->values;
        CHECK(result[0]->elements == 2);
        CHECK(found.max == 77);
        CHECK(found.mean == doctest::Approx(mean).epsilon(1e-12));
        CHECK(found.deviation ==
              doctest::Approx(std::sqrt(squares / static_cast<double>(values.size()))).epsilon(1e-12));
        std::uint64_t counted = 0;
        for (const std::uint64_t count : found.histogram)
            counted += count;
        CHECK(counted == values.size());
        CHECK(found.histogram.back() == 1);
        CHECK(found.mean == results[0][1]->values->mean);
        CHECK(found.deviation == results[0][1]->values->deviation);
        CHECK(found.histogram == results[0][1]->values->histogram);
    }
}

TEST_CASE("progress comes, and a cancelled run stops") {
    const auto archive = saved({tensor_of<float>(DType::float32, std::vector<float>(300000, 1.0F))});
    const std::vector<std::size_t> positions = {0};
    StatsOptions options;
    std::uint64_t total = 0;
    options.progress = [&](const Progress& progress) { total = progress.total_bytes; };
    tensor_stats(*archive, positions, options);
    CHECK(total > 0);
    options.cancel = [] { return true; };
    CHECK(test::code_of([&] { tensor_stats(*archive, positions, options); }) == ErrorCode::cancelled);
}
