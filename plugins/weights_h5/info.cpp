// SPDX-License-Identifier: Apache-2.0
// What is known of the format weights_h5 without its code.
#include <array>

#include "ballast/format.h"

namespace ballast::formats {
namespace {

using enum DType;
constexpr std::array<std::string_view, 1> aliases = {"weights.h5"};
constexpr std::array<std::string_view, 1> extensions = {".weights.h5"};
constexpr std::array signatures = {Signature{0, "\x89HDF\r\n\x1a\n"}};
// float8 has no agreed storage in HDF5, and Keras stores no complex weights.
constexpr std::array dtypes = {boolean, int8,   uint8,   int16,    uint16,  int32,  uint32,
                               int64,   uint64, float16, bfloat16, float32, float64};
constexpr std::array flavors = {Flavor{"keras3", dtypes}, Flavor{"tf_keras", dtypes}};

}  // namespace

extern const FormatInfo weights_h5_info;
constinit const FormatInfo weights_h5_info = {
    .id = "weights_h5",
    .aliases = aliases,
    .extensions = extensions,
    .signatures = signatures,
    .companions = {},
    .kind = Location::Kind::file,
    .can = {.read = true,
            .write = true,
            .detect = true,
            .layers = true,
            .optimizer = true,
            .needs_classes = true,
            .compression = true},
    .flavors = flavors,
    .title = "Keras 3 weights (.weights.h5); also reads those of Keras 2.12 to tf_keras",
    .set_format = "sharded_h5",
    .set_suffix = ".weights.json",
    .meson_option = "weights_h5",
};

}  // namespace ballast::formats
