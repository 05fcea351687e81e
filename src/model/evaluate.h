// SPDX-License-Identifier: Apache-2.0
// Evaluating TensorExpr values into bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ballast/model.h"

namespace ballast {

/// Bytes [begin, begin + out.size()) of the value, row-major, little-endian. Identity reads through
/// read_range; casts of it are streamed; other operations evaluate the whole value once per call, so ask for
/// it whole. Any thread may call it.
void evaluate(const TensorExpr& value, std::uint64_t begin, std::span<std::byte> out);

/// True when evaluate() can serve ranges without computing the whole value.
bool is_streamable(const TensorExpr& value) noexcept;

}  // namespace ballast
