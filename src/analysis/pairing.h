// SPDX-License-Identifier: Apache-2.0
// Which tensor of one file is which of another. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "ballast/archive.h"
#include "ballast/diff.h"

namespace ballast {

/// Whether stored names, configs and metadata of the two mean the same things.
bool of_one_kind(const Archive& a, const Archive& b);

struct TensorPair {
    std::size_t a = 0, b = 0;  ///< positions in the indices
    bool renamed = false;      ///< under another name in B
};

/// Everything of both files is in one of the three lists, apart from what the options leave out and, between
/// formats, further names of a tensor that is paired.
struct TensorPairing {
    std::vector<TensorPair> pairs;
    std::vector<std::size_t> only_a, only_b;
    bool by_stored = false;
};

/// Pairs by names. Errors: name_not_found when a glob matches nothing in either file.
TensorPairing pair_tensors(const Archive& a, const Archive& b, const DiffOptions& options);

/// Moves tensors of equal dtype, shape and contents from the lists of lone ones to the pairs, as renamed;
/// only where as many of A as of B are alike. Reads the lone tensors that could be.
void pair_contents(const Archive& a, const Archive& b, const DiffOptions& options, TensorPairing& pairing);

}  // namespace ballast
