// SPDX-License-Identifier: Apache-2.0
// How numpy spells element types.
#include <array>

#include "container/npy/npy.h"

namespace ballast::npy {
namespace {

struct Row {
    DType dtype;
    std::string_view written;  ///< as np.save writes it
};

// float8_e5m2 is "<f1" to ml_dtypes, which np.load then refuses: plain bytes serve better.
constexpr std::array rows = {
    Row{DType::boolean, "|b1"},   Row{DType::int8, "|i1"},          Row{DType::uint8, "|u1"},
    Row{DType::int16, "<i2"},     Row{DType::uint16, "<u2"},        Row{DType::int32, "<i4"},
    Row{DType::uint32, "<u4"},    Row{DType::int64, "<i8"},         Row{DType::uint64, "<u8"},
    Row{DType::float16, "<f2"},   Row{DType::float32, "<f4"},       Row{DType::float64, "<f8"},
    Row{DType::complex64, "<c8"}, Row{DType::complex128, "<c16"},   Row{DType::bfloat16, "<V2"},
    Row{DType::opaque8, "|V1"},   Row{DType::float8_e4m3fn, "|V1"}, Row{DType::float8_e5m2, "|V1"},
};

}  // namespace

std::string_view descr(DType dtype) noexcept {
    for (const Row& row : rows) {
        if (row.dtype == dtype) return row.written;
    }
    return {};
}

std::optional<Descr> from_descr(std::string_view text) noexcept {
    if (text == "<f1" || text == "|f1") return Descr{DType::float8_e5m2, false};
    const bool ordered =
        !text.empty() && std::string_view("<>=|").find(text.front()) != std::string_view::npos;
    const std::string_view type = ordered ? text.substr(1) : text;
    for (const Row& row : rows) {
        if (row.written.substr(1) != type) continue;
        const bool reverses = info(row.dtype).bits > 8 && row.written != "<V2";
        return Descr{row.dtype, reverses && text.front() == '>'};
    }
    return std::nullopt;
}

}  // namespace ballast::npy
