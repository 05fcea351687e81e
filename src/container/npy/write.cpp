// SPDX-License-Identifier: Apache-2.0
// Formatting a .npy header as np.save does.
#include <algorithm>

#include "ballast/error.h"
#include "container/npy/format.h"
#include "container/npy/npy.h"
#include "core/checked.h"

namespace ballast::npy {
namespace {

/// "(3, 4)", "(5,)", "()".
std::string shape_text(const Shape& shape) {
    return shape.to_string();
}

/// numpy leaves room for the first dimension to grow in place, so that its files can be appended to.
std::size_t growth_room(const Shape& shape) {
    if (shape.rank() == 0) return 0;
    const std::size_t digits = std::to_string(shape[0]).size();
    return digits < growth_digits ? growth_digits - digits : 0;
}

}  // namespace

std::vector<std::byte> format_header(DType dtype, const Shape& shape) {
    const std::string_view type = descr(dtype);
    if (type.empty()) {
        throw Error(ErrorCode::unsupported_dtype, ".npy does not hold " + std::string(to_string(dtype)))
            .hint("print it as text, or convert the file to safetensors");
    }
    std::string text = "{'descr': '" + std::string(type) +
                       "', 'fortran_order': False, 'shape': " + shape_text(shape) + ", }";
    text.append(growth_room(shape), ' ');
    const auto total = [&](std::size_t lead) { return align_up(lead + text.size() + 1, alignment); };
    const bool long_header = total(lead_v1) - lead_v1 > longest_v1;
    const std::size_t lead = long_header ? lead_v2 : lead_v1;
    const std::size_t length = total(lead) - lead;
    text.append(length - text.size() - 1, ' ');
    text += '\n';
    std::vector<std::byte> bytes;
    bytes.reserve(lead + length);
    for (const char c : magic)
        bytes.push_back(static_cast<std::byte>(c));
    bytes.push_back(static_cast<std::byte>(long_header ? 2 : 1));
    bytes.push_back(std::byte{0});
    for (std::size_t i = bytes.size(); i < lead; ++i)
        bytes.push_back(static_cast<std::byte>(length >> (8 * (i - version_end))));
    std::transform(text.begin(), text.end(), std::back_inserter(bytes),
                   [](char c) { return static_cast<std::byte>(c); });
    return bytes;
}

}  // namespace ballast::npy
