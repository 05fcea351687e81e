// SPDX-License-Identifier: Apache-2.0
// What is known of the format plain_hdf5 without its code.
#include <array>

#include "ballast/format.h"

namespace ballast::formats {
namespace {

using enum DType;
constexpr std::array signatures = {Signature{0, "\x89HDF\r\n\x1a\n"}};
constexpr std::array dtypes = {boolean, int8,    uint8,    int16,   uint16,  int32,     uint32,     int64,
                               uint64,  float16, bfloat16, float32, float64, complex64, complex128, opaque8};
constexpr std::array flavors = {Flavor{"", dtypes}};

}  // namespace

extern const FormatInfo plain_hdf5_info;
// No suffixes: .h5 and .hdf5 promise a Keras file when something is to be written.
constinit const FormatInfo plain_hdf5_info = {
    .id = "plain_hdf5",
    .aliases = {},
    .extensions = {},
    .signatures = signatures,
    .companions = {},
    .kind = Location::Kind::file,
    .can = {.read = true, .detect = true},
    .flavors = flavors,
    .title = "any other HDF5 file, as loose tensors",
    .meson_option = "plain_hdf5",
};

}  // namespace ballast::formats
