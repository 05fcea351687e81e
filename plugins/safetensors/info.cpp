// SPDX-License-Identifier: Apache-2.0
// What is known of safetensors without its code.
#include <array>

#include "ballast/format.h"

namespace ballast::formats {
namespace {

// opaque8 (HDF5's float8) is stored as U8 and comes back through our metadata.
constexpr std::array dtypes = {DType::boolean, DType::int8,          DType::uint8,       DType::int16,
                               DType::uint16,  DType::int32,         DType::uint32,      DType::int64,
                               DType::uint64,  DType::float16,       DType::bfloat16,    DType::float32,
                               DType::float64, DType::float8_e4m3fn, DType::float8_e5m2, DType::complex64,
                               DType::opaque8};
constexpr std::array<Flavor, 1> flavors = {{{"", dtypes}}};
constexpr std::array<std::string_view, 2> extensions = {".safetensors.index.json", ".safetensors"};
constexpr std::array<std::string_view, 1> companions = {"<base>-NNNNN-of-NNNNN.safetensors"};

}  // namespace

extern const FormatInfo safetensors_info;
// No signature: the file starts with a length. Detection reads the header.
constinit const FormatInfo safetensors_info = {
    .id = "safetensors",
    .aliases = {},
    .extensions = extensions,
    .signatures = {},
    .companions = companions,
    .kind = Location::Kind::file,
    .can = {.read = true,
            .write = true,
            .detect = true,
            .layers = true,
            .config = true,
            .optimizer = true,
            .metrics = true,
            .shards = true},
    .flavors = flavors,
    .title = "safetensors: a JSON header and plain tensors; also sets with an index",
    .set_format = "safetensors",
    .set_suffix = ".safetensors.index.json",
    .meson_option = "safetensors",
};

}  // namespace ballast::formats
