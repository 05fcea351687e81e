// SPDX-License-Identifier: Apache-2.0
// Statistics of tensors: range, mean, deviation, NaN, infinities, zeros and a histogram.
//
// Tensors are read in parallel with bounded memory; the result does not depend on the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ballast/archive.h"
#include "ballast/export.h"
#include "ballast/options.h"

namespace ballast {

/// Of one tensor. Elements are taken as float64: integers beyond 2^53 are rounded.
struct TensorStats {
    /// How many there are, are NaN, infinite, zero (of either sign).
    ///@{
    std::uint64_t elements = 0, nan = 0, infinite = 0, zeros = 0;
    ///@}
    /// Of the finite elements, when there are some.
    struct Values {
        /// As float64; no sum behind the mean overflows.
        ///@{
        double min = 0, max = 0, mean = 0;
        ///@}
        double deviation = 0;  ///< of the population, as numpy's std
        /// Equal bins from min to max (from min - 0.5 to max + 0.5 when they are equal), the last one closed.
        std::vector<std::uint64_t> histogram;
    };
    std::optional<Values> values;  ///< nothing when no element is finite
};

/// How much to compute, and on how many threads.
struct StatsOptions {
    std::size_t bins = 16;      ///< of the histograms; 0 = none, and each tensor is read once only
    unsigned threads = 0;       ///< 0 = one a processor, at most 8
    ProgressCallback progress;  ///< bytes as float64; starts anew for histograms
    CancelCallback cancel;      ///< ends with `cancelled`
};

/// One result a position of Archive::index(), in their order; nothing for element types without an order
/// (complex, opaque, text). A histogram of a tensor above a MiB takes a second reading. Errors: as of
/// reading, and `cancelled`.
BALLAST_API std::vector<std::optional<TensorStats>> tensor_stats(const Archive& archive,
                                                                 std::span<const std::size_t> positions,
                                                                 const StatsOptions& options = {});

}  // namespace ballast
