// SPDX-License-Identifier: Apache-2.0
// What is known of the format legacy_h5 without its code.
#include <array>

#include "ballast/format.h"

namespace ballast::formats {
namespace {

using enum DType;
constexpr std::array<std::string_view, 2> aliases = {"h5", "hdf5"};
constexpr std::array<std::string_view, 2> extensions = {".hdf5", ".h5"};
constexpr std::array signatures = {Signature{0, "\x89HDF\r\n\x1a\n"}};
// bfloat16 is stored as unmarked opaque bytes, as tf_keras and Keras 3 do; Keras 3 itself cannot load those.
constexpr std::array dtypes = {boolean, int8,   uint8,   int16,    uint16,  int32,  uint32,
                               int64,   uint64, float16, bfloat16, float32, float64};
constexpr std::array flavors = {Flavor{"tf_keras", dtypes}, Flavor{"keras3", dtypes}};

}  // namespace

extern const FormatInfo legacy_h5_info;
constinit const FormatInfo legacy_h5_info = {
    .id = "legacy_h5",
    .aliases = aliases,
    .extensions = extensions,
    .signatures = signatures,
    .companions = {},
    .kind = Location::Kind::file,
    .can = {.read = true,
            .write = true,
            .detect = true,
            .layers = true,
            .config = true,
            .optimizer = true,
            .needs_order = true,
            .compression = true},
    .flavors = flavors,
    .title = "Keras 1 and 2 weights and whole models (.h5, .hdf5)",
    .set_format = {},
    .set_suffix = {},
    .meson_option = "legacy_h5",
};

}  // namespace ballast::formats
