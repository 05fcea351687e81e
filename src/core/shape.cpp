// SPDX-License-Identifier: Apache-2.0
// Shape: small-buffer storage of dimensions.
#include <algorithm>
#include <array>
#include <charconv>

#include "ballast/array.h"
#include "ballast/error.h"
#include "ballast/tensor.h"
#include "core/checked.h"

namespace ballast {

void detail::refuse_elements(std::size_t count, const Shape& shape) {
    throw Error(ErrorCode::shape_mismatch,
                std::to_string(count) + " elements do not fill the shape " + shape.to_string());
}

void detail::refuse_shape(const Shape& shape) {
    throw Error(ErrorCode::shape_mismatch,
                "the file has the shape " + shape.to_string() + ", which the field's type cannot take");
}

Shape::Shape(std::span<const std::uint64_t> dims) : rank_(dims.size()) {
    if (dims.size() > max_rank) {
        throw Error(ErrorCode::limit_exceeded,
                    "a shape with " + std::to_string(dims.size()) + " dimensions (at most 32)");
    }
    if (rank_ > inline_rank) large_ = std::make_unique<std::uint64_t[]>(rank_);
    std::copy(dims.begin(), dims.end(), large_ ? large_.get() : small_.data());
}

Shape::Shape(const Shape& other) : Shape(other.dims()) {}

Shape::Shape(Shape&& other) noexcept
    : small_(other.small_), large_(std::move(other.large_)), rank_(std::exchange(other.rank_, 0)) {}

Shape& Shape::operator=(const Shape& other) {
    if (this != &other) *this = Shape(other);
    return *this;
}

Shape& Shape::operator=(Shape&& other) noexcept {
    small_ = other.small_;
    large_ = std::move(other.large_);
    rank_ = std::exchange(other.rank_, 0);
    return *this;
}

std::uint64_t Shape::element_count() const {
    std::uint64_t count = 1;
    bool overflow = false;
    for (const std::uint64_t dim : dims()) {
        if (dim == 0) return 0;
        const auto product = checked_multiply(count, dim);
        overflow = overflow || !product;
        count = product.value_or(0);
    }
    if (overflow)
        throw Error(ErrorCode::limit_exceeded,
                    "shape " + to_string() + " has more elements than 64 bits count");
    return count;
}

std::string Shape::to_string() const {
    std::string text = "(";
    std::array<char, 20> digits{};
    for (std::size_t i = 0; i < rank_; ++i) {
        if (i != 0) text += ", ";
        text.append(digits.data(),
                    std::to_chars(digits.data(), digits.data() + digits.size(), (*this)[i]).ptr);
    }
    text += rank_ == 1 ? ",)" : ")";
    return text;
}

}  // namespace ballast
