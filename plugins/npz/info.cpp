// SPDX-License-Identifier: Apache-2.0
// What is known of npz without its code.
#include <array>

#include "ballast/format.h"

namespace ballast::formats {
namespace {

// bfloat16 and float8 are plain bytes to numpy; which type they are comes back through our own entry.
constexpr std::array dtypes = {DType::boolean,    DType::int8,          DType::uint8,       DType::int16,
                               DType::uint16,     DType::int32,         DType::uint32,      DType::int64,
                               DType::uint64,     DType::float16,       DType::bfloat16,    DType::float32,
                               DType::float64,    DType::float8_e4m3fn, DType::float8_e5m2, DType::complex64,
                               DType::complex128, DType::opaque8};
constexpr std::array<Flavor, 1> flavors = {{{"", dtypes}}};
constexpr std::array<std::string_view, 1> extensions = {".npz"};

}  // namespace

extern const FormatInfo npz_info;
// No signature: every zip archive begins alike. Detection reads the names of the members.
constinit const FormatInfo npz_info = {
    .id = "npz",
    .aliases = {},
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
            .metrics = true},
    .flavors = flavors,
    .title = "npz: numpy's arrays in a zip archive",
    .set_format = {},
    .set_suffix = {},
    .meson_option = "npz",
};

}  // namespace ballast::formats
