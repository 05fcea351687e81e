// SPDX-License-Identifier: Apache-2.0
// The parts of a .keras model, members of a zip or files of a folder, as Keras 3 and tf_keras name them.
#pragma once

#include <cstdint>
#include <string_view>

namespace ballast::keras_parts {

inline constexpr std::string_view metadata_name = "metadata.json", config_name = "config.json",
                                  weights_name = "model.weights.h5", npz_weights_name = "model.weights.npz",
                                  assets_folder = "assets/";
/// The weights begin at a multiple of this in the file, so that tensors can be mapped.
inline constexpr std::uint64_t weights_alignment = 64;

}  // namespace ballast::keras_parts
