// SPDX-License-Identifier: Apache-2.0
// What is known of GGUF without its code.
#include <array>

#include "ballast/format.h"

namespace ballast::formats {
namespace {

constexpr std::array dtypes = {DType::float32, DType::float16, DType::bfloat16, DType::float64,
                               DType::int8,    DType::int16,   DType::int32,    DType::int64};
constexpr std::array<Flavor, 1> flavors = {{{"", dtypes}}};
constexpr std::array<std::string_view, 1> extensions = {".gguf"};
constexpr std::array<Signature, 1> signatures = {{{0, "GGUF"}}};

}  // namespace

extern const FormatInfo gguf_info;
constinit const FormatInfo gguf_info = {
    .id = "gguf",
    .aliases = {},
    .extensions = extensions,
    .signatures = signatures,
    .companions = {},
    .kind = Location::Kind::file,
    .can = {.read = true, .detect = true},
    .flavors = flavors,
    .title = "GGUF of llama.cpp and ggml: plain tensors and Q8_0",
    .set_format = {},
    .set_suffix = {},
    .meson_option = "gguf",
};

}  // namespace ballast::formats
