// SPDX-License-Identifier: Apache-2.0
// Shapes, and typed tensors that are a view into a file or own their bytes.
#pragma once

#include <algorithm>
#include <array>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "ballast/dtype.h"
#include "ballast/export.h"

namespace ballast {

/// Dimensions of a tensor, outermost first, row-major. Rank 0 is a scalar (one element); a zero dimension
/// means no elements. At most 32 dimensions (HDF5's bound). Up to four are stored in place. A plain value.
class BALLAST_API Shape {
public:
    static constexpr std::size_t max_rank = 32;  ///< the bound of HDF5 (H5S_MAX_RANK)

    Shape() = default;  ///< a scalar
    /// Throws Error limit_exceeded above max_rank.
    Shape(std::initializer_list<std::uint64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
    /// Throws Error limit_exceeded above max_rank.
    explicit Shape(std::span<const std::uint64_t> dims);
    /// What was moved from is a scalar.
    ///@{
    Shape(const Shape& other);
    Shape(Shape&& other) noexcept;
    Shape& operator=(const Shape& other);
    Shape& operator=(Shape&& other) noexcept;
    ///@}
    ~Shape() = default;

    /// Number of dimensions.
    std::size_t rank() const noexcept { return rank_; }
    /// Valid until the shape changes or goes.
    std::span<const std::uint64_t> dims() const noexcept { return {data(), rank_}; }
    /// Not checked: axis < rank().
    std::uint64_t operator[](std::size_t axis) const noexcept { return data()[axis]; }
    /// Over the dimensions, outermost first.
    ///@{
    const std::uint64_t* begin() const noexcept { return data(); }
    const std::uint64_t* end() const noexcept { return data() + rank_; }
    ///@}

    /// Product of the dimensions, 1 for a scalar; throws Error limit_exceeded on 64-bit overflow.
    std::uint64_t element_count() const;
    /// "(3, 3, 1, 8)", "(5,)", "()" as Python prints it.
    std::string to_string() const;

    /// Same rank and dimensions.
    friend bool operator==(const Shape& a, const Shape& b) noexcept {
        return std::equal(a.begin(), a.end(), b.begin(), b.end());
    }

private:
    static constexpr std::size_t inline_rank = 4;
    const std::uint64_t* data() const noexcept { return large_ ? large_.get() : small_.data(); }

    std::array<std::uint64_t, inline_rank> small_{};
    std::unique_ptr<std::uint64_t[]> large_;
    std::size_t rank_ = 0;
};

/// DType of a C++ element type, as `value`: bool, std::int8_t to std::uint64_t, float (float32), double
/// (float64), std::complex<float> (complex64) and std::complex<double> (complex128) have one. Specialise
/// nothing: unknown types do not compile.
template <class T>
struct DTypeOf;
/// @cond the list above
template <>
struct DTypeOf<bool> {
    static constexpr DType value = DType::boolean;
};
template <>
struct DTypeOf<std::int8_t> {
    static constexpr DType value = DType::int8;
};
template <>
struct DTypeOf<std::uint8_t> {
    static constexpr DType value = DType::uint8;
};
template <>
struct DTypeOf<std::int16_t> {
    static constexpr DType value = DType::int16;
};
template <>
struct DTypeOf<std::uint16_t> {
    static constexpr DType value = DType::uint16;
};
template <>
struct DTypeOf<std::int32_t> {
    static constexpr DType value = DType::int32;
};
template <>
struct DTypeOf<std::uint32_t> {
    static constexpr DType value = DType::uint32;
};
template <>
struct DTypeOf<std::int64_t> {
    static constexpr DType value = DType::int64;
};
template <>
struct DTypeOf<std::uint64_t> {
    static constexpr DType value = DType::uint64;
};
template <>
struct DTypeOf<float> {
    static constexpr DType value = DType::float32;
};
template <>
struct DTypeOf<double> {
    static constexpr DType value = DType::float64;
};
template <>
struct DTypeOf<std::complex<float>> {
    static constexpr DType value = DType::complex64;
};
template <>
struct DTypeOf<std::complex<double>> {
    static constexpr DType value = DType::complex128;
};
/// @endcond

/// DTypeOf without regard to const: `dtype_of<float> == DType::float32`.
template <class T>
inline constexpr DType dtype_of = DTypeOf<std::remove_cv_t<T>>::value;

/// A tensor's elements: a view into mapped file bytes, or an owned copy. Either way the object keeps alive
/// what the elements live in, so it may outlive the Archive. Immutable and shareable between threads. Copies
/// are cheap (they share the storage).
template <class T>
class Tensor {
public:
    Tensor() = default;  ///< no elements, although its shape is {}
    /// Takes no copy of the elements, which `owner` keeps alive and which must be as many as the shape says.
    Tensor(Shape shape, std::shared_ptr<const void> owner, std::span<const T> elements, bool view)
        : shape_(std::move(shape)), owner_(std::move(owner)), elements_(elements), view_(view) {}

    /// As the file gives it.
    const Shape& shape() const noexcept { return shape_; }
    /// All elements, row-major.
    std::span<const T> elements() const noexcept { return elements_; }
    /// The first of elements().
    const T* data() const noexcept { return elements_.data(); }
    /// How many elements.
    std::size_t size() const noexcept { return elements_.size(); }
    /// By place in row-major order. Not checked.
    const T& operator[](std::size_t flat_index) const noexcept { return elements_[flat_index]; }
    /// True when the elements lie in a mapping of the file rather than in memory of our own.
    bool is_view() const noexcept { return view_; }

private:
    Shape shape_;
    std::shared_ptr<const void> owner_;
    std::span<const T> elements_;
    bool view_ = false;
};

}  // namespace ballast
