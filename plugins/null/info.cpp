// SPDX-License-Identifier: Apache-2.0
// What is known of the null format without its code.
#include <array>

#include "ballast/format.h"

namespace ballast::formats {
namespace {

constexpr std::array dtypes = {DType::boolean,     DType::int4,      DType::uint4,      DType::int8,
                               DType::uint8,       DType::int16,     DType::uint16,     DType::int32,
                               DType::uint32,      DType::int64,     DType::uint64,     DType::float8_e4m3fn,
                               DType::float8_e5m2, DType::float16,   DType::bfloat16,   DType::float32,
                               DType::float64,     DType::complex64, DType::complex128, DType::opaque8};
constexpr std::array<Flavor, 1> flavors = {{{"", dtypes}}};

}  // namespace

extern const FormatInfo null_info;
constinit const FormatInfo null_info = {
    .id = "null",
    .aliases = {},
    .extensions = {},
    .signatures = {},
    .companions = {},
    .kind = Location::Kind::file,
    .can = {.write = true,
            .layers = true,
            .config = true,
            .optimizer = true,
            .metrics = true,
            .assets = true,
            .discards = true},
    .flavors = flavors,
    .title = "reads everything and stores nothing, for benches and tests",
    .set_format = {},
    .set_suffix = {},
    .meson_option = "null",
};

}  // namespace ballast::formats
