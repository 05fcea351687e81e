// SPDX-License-Identifier: Apache-2.0
// What is known of the format sharded_h5 without its code.
#include <array>

#include "ballast/format.h"

namespace ballast::formats {
namespace {

using enum DType;
constexpr std::array<std::string_view, 1> aliases = {"weights.json"};
constexpr std::array<std::string_view, 1> extensions = {".weights.json"};
constexpr std::array<std::string_view, 1> companions = {"<base>_NNNNN.weights.h5"};
// As weights_h5: float8 has no agreed storage in HDF5, and Keras stores no complex weights.
constexpr std::array dtypes = {boolean, int8,   uint8,   int16,    uint16,  int32,  uint32,
                               int64,   uint64, float16, bfloat16, float32, float64};
constexpr std::array flavors = {Flavor{"keras3", dtypes}};

}  // namespace

extern const FormatInfo sharded_h5_info;
constinit const FormatInfo sharded_h5_info = {
    .id = "sharded_h5",
    .aliases = aliases,
    .extensions = extensions,
    .signatures = {},
    .companions = companions,
    .kind = Location::Kind::file,
    .can = {.read = true,
            .write = true,
            .detect = true,
            .layers = true,
            .optimizer = true,
            .needs_classes = true,
            .compression = true,
            .shards = true},
    .flavors = flavors,
    .title = "Keras 3 weights in shards (.weights.json and _00000.weights.h5, …)",
    .set_format = "sharded_h5",
    .set_suffix = ".weights.json",
    .meson_option = "sharded_h5",
};

}  // namespace ballast::formats
