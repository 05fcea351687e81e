// SPDX-License-Identifier: Apache-2.0
// Rows of Dense kernels in the order of another data format, see flatten.h.
#include "convert/flatten.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>

#include "ballast/error.h"
#include "convert/pipeline.h"
#include "core/text.h"

namespace ballast {
namespace {

constexpr std::string_view first = "channels_first", last = "channels_last";

Error no_order(std::string_view text) {
    return Error(ErrorCode::invalid_argument, "'" + std::string(text) + "' is no order of a feature map")
        .hint("LAYER=FORMAT:SHAPE as the source has it: dense_1=channels_first:512,7,7");
}

/// At least one spatial axis beside the channels.
Shape parse_shape(std::string_view text, std::string_view whole) {
    std::vector<std::uint64_t> dims;
    for (const std::string_view part : split(text, ',')) {
        std::uint64_t extent = 0;
        const auto [end, problem] = std::from_chars(part.data(), part.data() + part.size(), extent);
        if (problem != std::errc() || end != part.data() + part.size() || extent == 0 || extent > UINT16_MAX)
            throw no_order(whole);
        dims.push_back(extent);
    }
    if (dims.size() < 2 || dims.size() > 4) throw no_order(whole);
    return Shape(dims);
}

/// The rows of a matrix, which stand in the order of `order.shape`, with the channels at the other end.
TensorExpr reordered(TensorExpr matrix, const FlattenOrder& order) {
    const Shape whole = matrix.shape();
    std::vector<std::uint64_t> dims(order.shape.begin(), order.shape.end());
    dims.push_back(whole[1]);
    const auto rank = static_cast<std::uint32_t>(order.shape.rank());
    std::vector<std::uint32_t> axes(rank + 1);
    std::iota(axes.begin(), axes.end(), 0U);
    if (order.channels_first)
        std::rotate(axes.begin(), axes.begin() + 1, axes.begin() + rank);
    else
        std::rotate(axes.begin(), axes.begin() + rank - 1, axes.begin() + rank);
    matrix = TensorExpr::transpose(TensorExpr::reshape(std::move(matrix), Shape(dims)), std::move(axes));
    return TensorExpr::reshape(std::move(matrix), whole);
}

bool fits(const Shape& kernel, const FlattenOrder& order) {
    return kernel.rank() == 2 && kernel[0] == order.shape.element_count();
}

TensorExpr& kernel_of(Model& model, const FlattenOrder& order) {
    const std::string name = order.layer + "/kernel";
    for (const ValuePlace& place : value_places(model)) {
        if (place.name != name) continue;
        if (fits(place.value->shape(), order)) return *place.value;
        throw Error(ErrorCode::shape_mismatch, "the kernel " + place.value->shape().to_string() +
                                                   " does not stand behind a feature map of " +
                                                   order.shape.to_string())
            .tensor(name)
            .hint("give the shape that the source's Flatten had before it, without the batch");
    }
    throw Error(ErrorCode::name_not_found, "the model has no kernel of that layer")
        .tensor(name)
        .hint("give the layer's path as `ballast inspect` shows it");
}

void reorder_slots(Model& model, const FlattenOrder& order, const Shape& kernel) {
    if (!model.optimizer) return;
    for (OptimizerVariable& variable : model.optimizer->variables) {
        if (variable.value.empty() || variable.value.shape() != kernel) continue;
        if (variable.of_weight == order.layer + "/kernel")
            variable.value = reordered(std::move(variable.value), order);
        else if (variable.of_weight.empty())
            throw Error(ErrorCode::ambiguous_mapping,
                        "the optimizer has state that may be of the kernel whose rows change their order")
                .tensor(variable.stored_key)
                .hint("leave it behind: --without-optimizer");
    }
}

}  // namespace

FlattenOrder parse_flatten_order(std::string_view text) {
    const std::size_t equals = text.rfind('='), colon = text.rfind(':');
    if (equals == std::string_view::npos || colon == std::string_view::npos || colon < equals || equals == 0)
        throw no_order(text);
    const std::string_view format = text.substr(equals + 1, colon - equals - 1);
    if (format != first && format != last) throw no_order(text);
    return {std::string(text.substr(0, equals)), format == first, parse_shape(text.substr(colon + 1), text)};
}

void reorder_flattened(Model& model, const std::vector<FlattenOrder>& orders, Report& report, bool slots) {
    for (const FlattenOrder& order : orders) {
        TensorExpr& kernel = kernel_of(model, order);
        const Shape shape = kernel.shape();
        kernel = reordered(std::move(kernel), order);
        if (slots) reorder_slots(model, order, shape);
        report.note("layer '" + order.layer + "': the rows of its kernel were put from " +
                    std::string(order.channels_first ? first : last) + " to " +
                    std::string(order.channels_first ? last : first));
    }
}

}  // namespace ballast
