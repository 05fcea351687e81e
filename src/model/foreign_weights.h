// SPDX-License-Identifier: Apache-2.0
// Weights whose numbers mean the same in another arrangement: kernels of the Theano backend, which convolved
// where TensorFlow correlates, and recurrent layers of cuDNN. Source: spec/keras-hdf5.md §4.7.
//
// Change the values of a Model, which stay expressions: no bytes are read. Any thread, one model each.
#pragma once

#include <cstddef>

#include "ballast/model.h"

namespace ballast {

/// Mirrors the spatial axes of every convolution kernel; returns how many. By class where the layers have
/// classes. Otherwise by Keras 1's names ("conv1_W"), and ambiguous_mapping is thrown for a kernel whose
/// shape does not tell its spatial axes.
std::size_t mirror_kernels(Model& model);

/// LSTM and GRU weights in cuDNN's arrangement (told by the shape of the bias) in that of the plain layers;
/// returns how many layers had them. Throws unsupported for a GRU that resets before the product, which no
/// cuDNN weights fit.
std::size_t plain_recurrent_weights(Model& model);

}  // namespace ballast
