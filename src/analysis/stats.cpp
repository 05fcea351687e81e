// SPDX-License-Identifier: Apache-2.0
// Statistics of tensors: partial results a block, merged in the order of the blocks.
#include "ballast/stats.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "convert/scan.h"
#include "model/cast.h"

namespace ballast {
namespace {

double element(std::span<const std::byte> doubles, std::size_t i) {
    double value = 0;
    std::memcpy(&value, doubles.data() + i * sizeof value, sizeof value);
    return value;
}

/// What one run of elements tells. Sums are of the finite ones.
struct Partial {
    std::uint64_t finite = 0, nan = 0, infinite = 0, zeros = 0;
    double min = std::numeric_limits<double>::infinity(), max = -min;
    double mean = 0, squares = 0;  ///< sum of squared distances from the mean

    /// Joins a following run. Means are weighted instead of summed, so that no sum can overflow.
    void add(const Partial& other) {
        nan += other.nan;
        infinite += other.infinite;
        zeros += other.zeros;
        if (other.finite == 0) return;
        min = std::min(min, other.min);
        max = std::max(max, other.max);
        const auto n = static_cast<double>(finite), m = static_cast<double>(other.finite);
        const double distance = other.mean - mean;
        mean += distance * (m / (n + m));
        squares += other.squares + distance * distance * (n * (m / (n + m)));
        finite += other.finite;
    }
};

Partial partial_of_run(std::span<const std::byte> doubles) {
    Partial result;
    double sum = 0;
    for (std::size_t i = 0; i < doubles.size() / sizeof(double); ++i) {
        const double value = element(doubles, i);
        if (!std::isfinite(value)) {
            ++(std::isnan(value) ? result.nan : result.infinite);
            continue;
        }
        ++result.finite;
        result.zeros += value == 0 ? 1U : 0U;
        result.min = std::min(result.min, value);
        result.max = std::max(result.max, value);
        sum += value;
    }
    if (result.finite == 0) return result;
    const auto count = static_cast<double>(result.finite);
    result.mean = sum / count;
    for (std::size_t i = 0; i < doubles.size() / sizeof(double); ++i) {
        const double value = element(doubles, i);
        if (std::isfinite(value)) result.squares += (value - result.mean) * (value - result.mean);
    }
    return result;
}

/// Runs of a few thousand elements keep rounding errors small and stay in the processor's cache.
Partial partial_of(std::span<const std::byte> doubles) {
    constexpr std::size_t run_bytes = 4096 * sizeof(double);
    Partial result;
    for (std::size_t at = 0; at < doubles.size(); at += run_bytes)
        result.add(partial_of_run(doubles.subspan(at, std::min(run_bytes, doubles.size() - at))));
    return result;
}

/// Counts finite elements in equal bins.
class Binning {
public:
    Binning(double low, double high, std::size_t bins) : bins_(bins) {
        if (low == high) {
            low -= 0.5;
            high += 0.5;
        }
        // Halved, the distance between the ends of the number line does not overflow.
        half_low_ = low / 2;
        scale_ = static_cast<double>(bins) / (high / 2 - half_low_);
    }
    void count(std::span<const std::byte> doubles, std::vector<std::uint64_t>& counts) const {
        counts.resize(bins_);
        for (std::size_t i = 0; i < doubles.size() / sizeof(double); ++i) {
            const double value = element(doubles, i);
            if (!std::isfinite(value)) continue;
            const double place = (value / 2 - half_low_) * scale_;
            const auto bin = place < static_cast<double>(bins_) ? static_cast<std::size_t>(place) : bins_ - 1;
            ++counts[bin];
        }
    }

private:
    std::size_t bins_;
    double half_low_ = 0, scale_ = 0;
};

class StatsRun {
public:
    StatsRun(const Archive& archive, std::span<const std::size_t> positions, const StatsOptions& options)
        : options_(options), results_(positions.size()) {
        for (std::size_t i = 0; i < positions.size(); ++i) {
            TensorExpr value = archive.index().ref(positions[i]);
            if (value.dtype() != DType::float64 && !can_cast(value.dtype(), DType::float64)) continue;
            results_[i].emplace().elements = value.shape().element_count();
            items_.push_back({TensorExpr::cast(std::move(value), DType::float64)});
            places_.push_back(i);
        }
        blocks_ = cut_blocks(items_);
    }

    std::vector<std::optional<TensorStats>> run() {
        std::vector<Partial> partials(blocks_.size());
        std::vector<std::size_t> block_counts(items_.size());
        for (const ScanBlock& block : blocks_)
            ++block_counts[block.item];
        const ScanOptions scan_options{options_.threads, options_.progress, options_.cancel};
        scan(items_, blocks_, scan_options, [&](std::size_t number, const auto& bytes) {
            partials[number] = partial_of(bytes[0]);
            // Still in memory: the histogram of a tensor of one block needs no second reading.
            const std::size_t item = blocks_[number].item;
            if (block_counts[item] != 1) return;
            finish(item, partials[number]);
            count(bytes[0], stats(item));
        });
        std::vector<ScanBlock> again;
        for (std::size_t first = 0; first < blocks_.size();) {
            const std::size_t item = blocks_[first].item, length = block_counts[item];
            if (length > 1) {
                Partial whole;
                for (std::size_t i = 0; i < length; ++i)
                    whole.add(partials[first + i]);
                finish(item, whole);
                if (options_.bins != 0 && stats(item).values)
                    again.insert(again.end(), blocks_.begin() + static_cast<std::ptrdiff_t>(first),
                                 blocks_.begin() + static_cast<std::ptrdiff_t>(first + length));
            }
            first += length;
        }
        fill_histograms(again, scan_options);
        return std::move(results_);
    }

private:
    TensorStats& stats(std::size_t item) { return *results_[places_[item]]; }

    void finish(std::size_t item, const Partial& whole) {
        TensorStats& result = stats(item);
        result.nan = whole.nan;
        result.infinite = whole.infinite;
        result.zeros = whole.zeros;
        if (whole.finite == 0) return;
        const double variance = whole.squares / static_cast<double>(whole.finite);
        result.values = {whole.min, whole.max, whole.mean, std::sqrt(variance), {}};
    }

    void count(std::span<const std::byte> doubles, TensorStats& into) {
        if (options_.bins == 0 || !into.values) return;
        Binning(into.values->min, into.values->max, options_.bins).count(doubles, into.values->histogram);
    }

    void fill_histograms(const std::vector<ScanBlock>& blocks, const ScanOptions& scan_options) {
        std::vector<std::vector<std::uint64_t>> counts(blocks.size());
        scan(items_, blocks, scan_options, [&](std::size_t number, const auto& bytes) {
            const TensorStats::Values& values = *stats(blocks[number].item).values;
            Binning(values.min, values.max, options_.bins).count(bytes[0], counts[number]);
        });
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            std::vector<std::uint64_t>& whole = stats(blocks[i].item).values->histogram;
            whole.resize(options_.bins);
            for (std::size_t bin = 0; bin < options_.bins; ++bin)
                whole[bin] += counts[i][bin];
        }
    }

    const StatsOptions& options_;
    std::vector<std::optional<TensorStats>> results_;
    std::vector<ScanItem> items_;
    std::vector<std::size_t> places_;  ///< of items_ in results_
    std::vector<ScanBlock> blocks_;
};

}  // namespace

std::vector<std::optional<TensorStats>> tensor_stats(const Archive& archive,
                                                     std::span<const std::size_t> positions,
                                                     const StatsOptions& options) {
    return StatsRun(archive, positions, options).run();
}

}  // namespace ballast
