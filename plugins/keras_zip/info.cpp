// SPDX-License-Identifier: Apache-2.0
// What is known of the format keras without its code.
#include <array>

#include "ballast/format.h"

namespace ballast::formats {
namespace {

using enum DType;
constexpr std::array<std::string_view, 1> aliases = {"keras_zip"};
constexpr std::array<std::string_view, 1> extensions = {".keras"};
// The weights are a .weights.h5: its types.
constexpr std::array dtypes = {boolean, int8,   uint8,   int16,    uint16,  int32,  uint32,
                               int64,   uint64, float16, bfloat16, float32, float64};
constexpr std::array flavors = {Flavor{"keras3", dtypes}, Flavor{"tf_keras", dtypes}};

}  // namespace

extern const FormatInfo keras_zip_info;
// No signature: every zip archive begins alike. Detection reads the names of the members.
constinit const FormatInfo keras_zip_info = {
    .id = "keras",
    .aliases = aliases,
    .extensions = extensions,
    .signatures = {},
    .companions = {},
    .kind = Location::Kind::file,
    .can = {.read = true,
            .write = true,
            .detect = true,
            .layers = true,
            .config = true,
            .optimizer = true,
            .assets = true,
            .needs_classes = true},
    .flavors = flavors,
    .title = "whole models of Keras 3 and tf_keras (.keras: config, weights and assets in a zip)",
    .set_format = {},
    .set_suffix = {},
    .meson_option = "keras_zip",
};

}  // namespace ballast::formats
