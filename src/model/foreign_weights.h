// SPDX-License-Identifier: Apache-2.0
// Weights whose numbers mean the same in another arrangement: kernels of the Theano backend, which convolved
// where TensorFlow correlates, and recurrent layers of cuDNN. Source: spec/keras-hdf5.md §4.7.
//
// Change the values of a Model, which stay expressions; of plain LSTM layers that become cuDNN's the biases
// are read. Any thread, one model each.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "ballast/model.h"
#include "ballast/report.h"

namespace ballast {

/// Mirrors the spatial axes of every convolution kernel; returns how many. By class where the layers have
/// classes. Otherwise by Keras 1's names ("conv1_W"), and ambiguous_mapping is thrown for a kernel whose
/// shape does not tell its spatial axes.
std::size_t mirror_kernels(Model& model);

/// The three weights of an LSTM or a GRU.
struct GateWeights {
    TensorExpr kernel, recurrent, bias;
};

/// The same weights for a place whose bias has this shape: from plain to cuDNN's arrangement or back. nullopt
/// where the shapes do not say that one side is cuDNN's and the other is not. Halves are computed at once:
/// the bias is read then.
std::optional<GateWeights> rearranged_gates(const GateWeights& weights, const Shape& bias);

/// LSTM and GRU weights in cuDNN's arrangement (told by the shape of the bias) in that of the plain layers;
/// returns how many layers had them. Throws unsupported for a GRU that resets before the product, which no
/// cuDNN weights fit.
std::size_t plain_recurrent_weights(Model& model);

/// The way back, for layers of the classes CuDNNLSTM and CuDNNGRU with the weights of plain ones. Throws
/// unsupported as above.
std::size_t cudnn_recurrent_weights(Model& model);

/// Both, with a note each. The optimizer's state stays behind where weights changed, and is reported.
void fit_recurrent_weights(Model& model, Report& report);

/// Why an optimizer's state stays behind when weights were rearranged: it is arranged as they were.
inline constexpr std::string_view old_arrangement =
    "the optimizer's state is arranged as the weights were before; it starts anew";
/// Takes the optimizer's state out of the model, each tensor reported as dropped for this reason.
void leave_optimizer(Model& model, std::string_view reason, Report& report);

}  // namespace ballast
