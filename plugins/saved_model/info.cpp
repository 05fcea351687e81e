// SPDX-License-Identifier: Apache-2.0
// What is known of SavedModel directories without their code.
#include <array>

#include "ballast/format.h"

namespace ballast::formats {
namespace {

using enum DType;
constexpr std::array dtypes = {boolean, int8,      uint8,      int16,         uint16,     int32,
                               uint32,  int64,     uint64,     float16,       bfloat16,   float32,
                               float64, complex64, complex128, float8_e4m3fn, float8_e5m2};
// The objects of Keras 2 without functions; another SavedModel with its functions, and other values.
constexpr std::array flavors = {Flavor{"tf_keras", dtypes}, Flavor{"traced", dtypes}};
constexpr std::array<std::string_view, 1> aliases = {"savedmodel"};
constexpr std::array<std::string_view, 4> companions = {"saved_model.pb", "keras_metadata.pb", "variables/",
                                                        "assets/"};

}  // namespace

extern const FormatInfo saved_model_info;
// No signature and no suffix: it is a folder.
constinit const FormatInfo saved_model_info = {
    .id = "saved_model",
    .aliases = aliases,
    .extensions = {},
    .signatures = {},
    .companions = companions,
    .kind = Location::Kind::directory,
    .can = {.read = true,
            .write = true,
            .detect = true,
            .layers = true,
            .config = true,
            .optimizer = true,
            .assets = true,
            .needs_classes = true,
            .shards = true},
    .flavors = flavors,
    .title = "TensorFlow SavedModel: a folder with saved_model.pb and variables/",
    .set_format = "saved_model",
    .set_suffix = "",
    .meson_option = "saved_model",
};

}  // namespace ballast::formats
