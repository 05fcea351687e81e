// SPDX-License-Identifier: Apache-2.0
// What is known of TensorFlow checkpoints without their code.
#include <array>

#include "ballast/format.h"

namespace ballast::formats {
namespace {

using enum DType;
constexpr std::array dtypes = {boolean, int8,      uint8,      int16,         uint16,     int32,
                               uint32,  int64,     uint64,     float16,       bfloat16,   float32,
                               float64, complex64, complex128, float8_e4m3fn, float8_e5m2};
constexpr std::array flavors = {Flavor{"weights", dtypes}, Flavor{"checkpoint", dtypes}};
constexpr std::array<std::string_view, 2> aliases = {"tf", "ckpt"};
constexpr std::array<std::string_view, 1> extensions = {".ckpt"};
constexpr std::array<std::string_view, 3> companions = {"<prefix>.index", "<prefix>.data-NNNNN-of-NNNNN",
                                                        "checkpoint"};

}  // namespace

extern const FormatInfo tf_checkpoint_info;
// No signature: a prefix is no file.
constinit const FormatInfo tf_checkpoint_info = {
    .id = "tf_checkpoint",
    .aliases = aliases,
    .extensions = extensions,
    .signatures = {},
    .companions = companions,
    .kind = Location::Kind::prefix,
    .can = {.read = true, .write = true, .detect = true, .layers = true, .optimizer = true, .shards = true},
    .flavors = flavors,
    .title = "TensorFlow checkpoint: a prefix with .index and .data-…-of-… (save_format='tf')",
    .set_format = "tf_checkpoint",
    .set_suffix = "",
    .meson_option = "tf_checkpoint",
};

}  // namespace ballast::formats
