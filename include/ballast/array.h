// SPDX-License-Identifier: Apache-2.0
// Array<T>: an n-dimensional array that owns its elements, for the weights of a program's layers.
//
//   ballast::Array<float> kernel({2, 3});    // zeros
//   kernel(1, 2) = 0.5f;
//
// Row-major. A value type: copies copy the elements. Default-made it has no shape yet ("not built"): loading
// gives it the file's. Reading from several threads is safe, as with std::vector.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "ballast/error.h"
#include "ballast/tensor.h"

namespace ballast {

namespace detail {
// Both throw shape_mismatch. In the library: callers may be compiled without exceptions.
[[noreturn]] BALLAST_API void refuse_elements(std::size_t count, const Shape& shape);
[[noreturn]] BALLAST_API void refuse_shape(const Shape& shape);
}  // namespace detail

/// An array of T in memory of its own. T is any type that can be made by default and copied; to be saved it
/// needs a DType (see DTypeOf). Indices are not checked; assert() counts them.
template <class T>
class Array {
public:
    /// Without a shape: built() is false, size() is 0.
    Array() = default;
    /// Every element is `value`, zero unless given. A scalar has the shape {}.
    explicit Array(Shape shape, const T& value = T()) : Array(std::move(shape), uninitialised{}) {
        std::fill_n(data(), size(), value);
    }
    /// The elements in row-major order. Throws Error shape_mismatch unless there are as many as the shape
    /// says.
    Array(Shape shape, std::span<const T> elements) : Array(std::move(shape), uninitialised{}) {
        if (elements.size() != size()) detail::refuse_elements(elements.size(), shape_);
        std::copy(elements.begin(), elements.end(), data());
    }
    /// Copies the elements.
    Array(const Array& other)
        : shape_(other.shape_),
          size_(other.size_),
          elements_(other.elements_ ? std::make_unique<T[]>(std::max<std::size_t>(size_, 1)) : nullptr) {
        std::copy_n(other.data(), size_, data());
    }
    /// Leaves `other` without a shape.
    Array(Array&& other) noexcept
        : shape_(std::move(other.shape_)),
          size_(std::exchange(other.size_, 0)),
          elements_(std::move(other.elements_)) {}
    /// Takes shape and elements; data() and iterators of before are invalid.
    Array& operator=(Array other) noexcept {
        shape_ = std::move(other.shape_);
        size_ = std::exchange(other.size_, 0);
        elements_ = std::move(other.elements_);
        return *this;
    }
    ~Array() = default;

    /// False until it has a shape.
    bool built() const noexcept { return elements_ != nullptr; }
    /// While it is not built {}, which is that of a scalar: ask built() first.
    const Shape& shape() const noexcept { return shape_; }
    /// How many elements: 1 of a scalar, 0 while it is not built.
    std::size_t size() const noexcept { return size_; }
    /// The elements in row-major order; null while it is not built.
    ///@{
    T* data() noexcept { return elements_.get(); }
    const T* data() const noexcept { return elements_.get(); }
    ///@}
    /// All elements in row-major order; valid until it is assigned to.
    ///@{
    std::span<T> elements() noexcept { return {data(), size_}; }
    std::span<const T> elements() const noexcept { return {data(), size_}; }
    ///@}
    /// Over the elements in row-major order, without regard to the shape.
    ///@{
    T* begin() noexcept { return data(); }
    T* end() noexcept { return data() + size_; }
    const T* begin() const noexcept { return data(); }
    const T* end() const noexcept { return data() + size_; }
    ///@}

    /// By place in row-major order, whatever the shape. Not checked.
    ///@{
    T& operator[](std::size_t flat_index) noexcept { return data()[flat_index]; }
    const T& operator[](std::size_t flat_index) const noexcept { return data()[flat_index]; }
    ///@}
    /// One index a dimension, outermost first. Not checked; assert() counts them.
    ///@{
    template <class... Index>
    T& operator()(Index... index) noexcept {
        return data()[flat(index...)];
    }
    template <class... Index>
    const T& operator()(Index... index) const noexcept {
        return data()[flat(index...)];
    }
    ///@}

private:
    struct uninitialised {};
    Array(Shape shape, uninitialised)
        : shape_(std::move(shape)),
          size_(static_cast<std::size_t>(shape_.element_count())),
          elements_(std::make_unique<T[]>(std::max<std::size_t>(size_, 1))) {}

    template <class... Index>
    std::size_t flat(Index... index) const noexcept {
        assert(sizeof...(index) == shape_.rank());
        std::size_t place = 0, axis = 0;
        ((place = place * static_cast<std::size_t>(shape_[axis++]) + static_cast<std::size_t>(index)), ...);
        return place;
    }

    Shape shape_;
    std::size_t size_ = 0;
    std::unique_ptr<T[]> elements_;
};

}  // namespace ballast
