// SPDX-License-Identifier: Apache-2.0
// Building TensorExpr values: every operation checks its arguments here, so that evaluation need not.
#include <algorithm>
#include <string>
#include <utility>

#include "ballast/error.h"
#include "ballast/model.h"
#include "core/checked.h"
#include "model/cast.h"

namespace ballast {

struct TensorExpr::Node {
    Op op = Op::identity;
    DType dtype = DType::float32;
    Shape shape;
    std::vector<TensorExpr> inputs;
    std::vector<std::uint32_t> axes;
    std::uint64_t begin = 0;
    std::shared_ptr<CastCount> count = nullptr;
};

namespace {

[[noreturn]] void invalid(const std::string& what) {
    throw Error(ErrorCode::invalid_argument, "tensor expression: " + what);
}

[[noreturn]] void mismatch(const std::string& what, const Shape& a, const Shape& b) {
    throw Error(ErrorCode::shape_mismatch, what + ": " + a.to_string() + " and " + b.to_string());
}

void require_value(const TensorExpr& input) {
    if (input.empty()) invalid("an input has no value");
}

/// Moving single elements needs elements of whole bytes.
void require_whole_bytes(const TensorExpr& input, std::string_view operation) {
    require_value(input);
    if (info(input.dtype()).bits % 8 != 0 || info(input.dtype()).bits == 0)
        throw Error(ErrorCode::unsupported_dtype,
                    std::string(operation) + " of " + std::string(to_string(input.dtype())) + " tensors");
}

void require_arithmetic(const TensorExpr& input, std::string_view operation) {
    require_whole_bytes(input, operation);
    if (!has_arithmetic(input.dtype()))
        throw Error(ErrorCode::unsupported_dtype,
                    std::string(operation) + " of " + std::string(to_string(input.dtype())) + " tensors");
}

void require_axis(std::uint32_t axis, const Shape& shape) {
    if (axis >= shape.rank())
        invalid("axis " + std::to_string(axis) + " of a tensor of shape " + shape.to_string());
}

void require_distinct_axes(const std::vector<std::uint32_t>& axes, const Shape& shape) {
    std::vector<bool> seen(shape.rank());
    for (const std::uint32_t axis : axes) {
        require_axis(axis, shape);
        if (seen[axis]) invalid("axis " + std::to_string(axis) + " is named twice");
        seen[axis] = true;
    }
}

std::vector<std::uint64_t> dims_of(const Shape& shape) {
    return {shape.begin(), shape.end()};
}

const std::vector<TensorExpr>& no_inputs() {
    static const std::vector<TensorExpr> none;
    return none;
}

const std::vector<std::uint32_t>& no_axes() {
    static const std::vector<std::uint32_t> none;
    return none;
}

const Shape& no_shape() {
    static const Shape scalar;
    return scalar;
}

}  // namespace

TensorExpr::TensorExpr(TensorRef source) : source_(std::move(source)) {}

TensorExpr TensorExpr::cast(TensorExpr input, DType dtype, std::shared_ptr<CastCount> count) {
    require_value(input);
    if (input.dtype() == dtype) return input;
    if (!can_cast(input.dtype(), dtype))
        throw Error(ErrorCode::unsupported_dtype, "there is no cast from " +
                                                      std::string(to_string(input.dtype())) + " to " +
                                                      std::string(to_string(dtype)))
            .hint("floating-point tensors can be cast to float16, bfloat16, float32 and float64");
    Node node{Op::cast, dtype, input.shape(), {}, {}, 0, std::move(count)};
    node.inputs.push_back(std::move(input));
    return TensorExpr(std::make_shared<const Node>(std::move(node)));
}

TensorExpr TensorExpr::transpose(TensorExpr input, std::vector<std::uint32_t> axes) {
    require_whole_bytes(input, "transposing");
    if (axes.size() != input.shape().rank())
        invalid("transposing shape " + input.shape().to_string() + " with " + std::to_string(axes.size()) +
                " axes");
    require_distinct_axes(axes, input.shape());
    std::vector<std::uint64_t> dims;
    for (const std::uint32_t axis : axes)
        dims.push_back(input.shape()[axis]);
    Node node{Op::transpose, input.dtype(), Shape(dims), {}, std::move(axes), 0};
    node.inputs.push_back(std::move(input));
    return TensorExpr(std::make_shared<const Node>(std::move(node)));
}

TensorExpr TensorExpr::flip(TensorExpr input, std::vector<std::uint32_t> axes) {
    require_whole_bytes(input, "flipping");
    require_distinct_axes(axes, input.shape());
    Node node{Op::flip, input.dtype(), input.shape(), {}, std::move(axes), 0};
    node.inputs.push_back(std::move(input));
    return TensorExpr(std::make_shared<const Node>(std::move(node)));
}

TensorExpr TensorExpr::reshape(TensorExpr input, Shape shape) {
    require_value(input);
    if (shape.element_count() != input.shape().element_count())
        mismatch("cannot reshape", input.shape(), shape);
    if (shape == input.shape()) return input;
    Node node{Op::reshape, input.dtype(), std::move(shape), {}, {}, 0};
    node.inputs.push_back(std::move(input));
    return TensorExpr(std::make_shared<const Node>(std::move(node)));
}

TensorExpr TensorExpr::concat(std::vector<TensorExpr> inputs, std::uint32_t axis) {
    if (inputs.empty()) invalid("joining no tensors");
    for (const TensorExpr& input : inputs)
        require_whole_bytes(input, "joining");
    const TensorExpr& first = inputs.front();
    require_axis(axis, first.shape());
    std::vector<std::uint64_t> dims = dims_of(first.shape());
    dims[axis] = 0;
    for (const TensorExpr& input : inputs) {
        if (input.dtype() != first.dtype())
            throw Error(ErrorCode::dtype_mismatch, "joining " + std::string(to_string(first.dtype())) +
                                                       " and " + std::string(to_string(input.dtype())));
        if (input.shape().rank() != first.shape().rank())
            mismatch("cannot join", first.shape(), input.shape());
        for (std::size_t i = 0; i < dims.size(); ++i)
            if (i != axis && input.shape()[i] != dims[i])
                mismatch("cannot join", first.shape(), input.shape());
        const auto sum = checked_add(dims[axis], input.shape()[axis]);
        if (!sum) throw Error(ErrorCode::limit_exceeded, "the joined tensor is too large");
        dims[axis] = *sum;
    }
    if (inputs.size() == 1) return std::move(inputs.front());
    Node node{Op::concat, first.dtype(), Shape(dims), {}, {axis}, 0};
    (void)byte_size(node.dtype, node.shape.element_count());
    node.inputs = std::move(inputs);
    return TensorExpr(std::make_shared<const Node>(std::move(node)));
}

TensorExpr TensorExpr::slice(TensorExpr input, std::uint32_t axis, std::uint64_t begin, std::uint64_t count) {
    require_whole_bytes(input, "slicing");
    require_axis(axis, input.shape());
    if (!fits(begin, count, input.shape()[axis]))
        invalid("entries " + std::to_string(begin) + " to " + std::to_string(begin) + "+" +
                std::to_string(count) + " of axis " + std::to_string(axis) + " of shape " +
                input.shape().to_string());
    std::vector<std::uint64_t> dims = dims_of(input.shape());
    dims[axis] = count;
    Node node{Op::slice, input.dtype(), Shape(dims), {}, {axis}, begin};
    node.inputs.push_back(std::move(input));
    return TensorExpr(std::make_shared<const Node>(std::move(node)));
}

TensorExpr TensorExpr::add(TensorExpr a, TensorExpr b) {
    require_arithmetic(a, "adding");
    require_arithmetic(b, "adding");
    if (a.dtype() != b.dtype())
        throw Error(ErrorCode::dtype_mismatch, "adding " + std::string(to_string(a.dtype())) + " and " +
                                                   std::string(to_string(b.dtype())));
    if (a.shape() != b.shape()) mismatch("cannot add", a.shape(), b.shape());
    Node node{Op::add, a.dtype(), a.shape(), {}, {}, 0};
    node.inputs.push_back(std::move(a));
    node.inputs.push_back(std::move(b));
    return TensorExpr(std::make_shared<const Node>(std::move(node)));
}

TensorExpr TensorExpr::square(TensorExpr input) {
    require_arithmetic(input, "squaring");
    Node node{Op::square, input.dtype(), input.shape(), {}, {}, 0};
    node.inputs.push_back(std::move(input));
    return TensorExpr(std::make_shared<const Node>(std::move(node)));
}

TensorExpr::Op TensorExpr::op() const noexcept {
    return node_ ? node_->op : Op::identity;
}

const std::vector<TensorExpr>& TensorExpr::inputs() const noexcept {
    return node_ ? node_->inputs : no_inputs();
}

const std::vector<std::uint32_t>& TensorExpr::axes() const noexcept {
    return node_ ? node_->axes : no_axes();
}

std::uint64_t TensorExpr::begin() const noexcept {
    return node_ ? node_->begin : 0;
}

CastCount* TensorExpr::cast_count() const noexcept {
    return node_ ? node_->count.get() : nullptr;
}

DType TensorExpr::dtype() const noexcept {
    if (node_) return node_->dtype;
    return source_ ? source_->dtype : DType::float32;
}

const Shape& TensorExpr::shape() const noexcept {
    if (node_) return node_->shape;
    return source_ ? source_->shape : no_shape();
}

}  // namespace ballast
