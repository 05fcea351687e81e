// SPDX-License-Identifier: Apache-2.0
// Weights of Keras 1 (and of its Theano backend) as Keras 2 and 3 hold them: gates that lie apart, kernels in
// other axes, mirrored kernels. Source: spec/keras-hdf5.md §4.7, tf_keras' preprocess_weights_for_loading.
//
// Values only; use from one thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "ballast/model.h"
#include "dialect/keras_legacy_file.h"
#include "model/order.h"

namespace ballast::keras_legacy {

/// Whether a file is one of Keras 1, by its keras_version: Keras 1 wrote none beside its weights.
bool is_keras1(std::string_view keras_version);
/// Whether the file proves that the Theano backend wrote it: it says so, or is of Keras 1 and none of its
/// weights is named like a TensorFlow variable ("conv1_W:0").
bool is_of_theano(const Contents& stored);

/// A recurrent cell whose gates the file holds apart: `count` weights from `first` on, added to the cell's
/// own for as long as values are bound.
struct Gates {
    LayerId cell = 0;
    std::uint32_t first = 0, count = 0;
    bool channels_first = false;
};
struct ExpandedGates {
    std::vector<LegacyEntry> entries;
    std::vector<Gates> gates;
};
/// The entries with the three weights of every LSTM, ConvLSTM and GRU cell replaced by those of its gates;
/// nothing, and the model as it was, when that does not make `count` entries.
std::optional<ExpandedGates> expand_gates(Model& model, const std::vector<LegacyEntry>& entries,
                                          std::size_t count);
/// Once the values are there: joins the gates in Keras 2's order and removes what expand_gates() added.
void join_gates(Model& model, const std::vector<Gates>& gates);

/// Convolution kernels of Keras 1 in the axes of Keras 2. Errors: ambiguous_mapping for a kernel that fits in
/// no known way.
void restate_kernels(Model& model);

}  // namespace ballast::keras_legacy
