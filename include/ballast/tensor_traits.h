// SPDX-License-Identifier: Apache-2.0
// TensorTraits: how save_weights() and load_weights() see a type that holds the elements of one weight.
//
// Ready for std::vector<T> and std::array<T, n> (one dimension), std::span<T> (one dimension, its elements
// belong to the program) and ballast::Array<T>; for Eigen's matrices include ballast/eigen.h. For a type of
// your own:
//
//   template <>
//   struct ballast::TensorTraits<my::Matrix> {
//       using element = float;
//       static const float* data(const my::Matrix& m) { return m.data(); }   // row-major
//       static float* data(my::Matrix& m) { return m.data(); }
//       static Shape shape(const my::Matrix& m) { return {m.rows(), m.columns()}; }
//       // Only if loading may give it its shape while it has none (built() is false):
//       static bool built(const my::Matrix& m) { return !m.empty(); }
//       static void resize(my::Matrix& m, const Shape& s) { m = my::Matrix(s[0], s[1]); }
//       static constexpr std::size_t rank = 2;              // the only rank resize() takes; any without it
//       // Only if they differ from the usual:
//       static constexpr DType dtype = DType::bfloat16;     // of elements that C++ has no type for
//       static constexpr bool column_major = true;          // the first index runs fastest
//   };
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

#include "ballast/array.h"
#include "ballast/tensor.h"

namespace ballast {

/// Specialise it for a type of your own: the head of this file lists the members. `element`, `data`
/// and `shape` of what is const are needed to save, a `data` that gives pointers to write through to load.
template <class T>
struct TensorTraits {};

/// Element types that have a DType.
template <class T>
concept Element = requires {
    DTypeOf<std::remove_cv_t<T>>::value;
};

/// Types that save_weights() takes for one weight.
template <class T>
concept TensorLike = requires(const T& tensor) {
    TensorTraits<T>::data(tensor);
    { TensorTraits<T>::shape(tensor) } -> std::convertible_to<Shape>;
    typename TensorTraits<T>::element;
};

/// One dimension. An empty vector counts as not built: loading gives it its size. A vector that has elements
/// keeps their number.
template <Element E>
requires(!std::same_as<E, bool>) struct TensorTraits<std::vector<E>> {
    /// As the head of this file says.
    ///@{
    using element = E;
    static constexpr std::size_t rank = 1;
    static const E* data(const std::vector<E>& v) noexcept { return v.data(); }
    static E* data(std::vector<E>& v) noexcept { return v.data(); }
    static Shape shape(const std::vector<E>& v) { return {v.size()}; }
    static bool built(const std::vector<E>& v) noexcept { return !v.empty(); }
    static void resize(std::vector<E>& v, const Shape& shape) {
        v.resize(static_cast<std::size_t>(shape[0]));
    }
    ///@}
};

/// One dimension of fixed size, always built.
template <Element E, std::size_t n>
struct TensorTraits<std::array<E, n>> {
    /// As the head of this file says.
    ///@{
    using element = E;
    static const E* data(const std::array<E, n>& a) noexcept { return a.data(); }
    static E* data(std::array<E, n>& a) noexcept { return a.data(); }
    static Shape shape(const std::array<E, n>&) { return {n}; }
    ///@}
};

/// One dimension. The elements belong to the program: loading overwrites them where they are, and their
/// number must fit. A span of const elements can only be saved.
template <Element E, std::size_t extent>
struct TensorTraits<std::span<E, extent>> {
    /// As the head of this file says.
    ///@{
    using element = E;
    static E* data(const std::span<E, extent>& s) noexcept { return s.data(); }
    static Shape shape(const std::span<E, extent>& s) { return {s.size()}; }
    ///@}
};

/// Any shape; loading gives an Array without one the file's.
template <Element E>
struct TensorTraits<Array<E>> {
    /// As the head of this file says.
    ///@{
    using element = E;
    static const E* data(const Array<E>& a) noexcept { return a.data(); }
    static E* data(Array<E>& a) noexcept { return a.data(); }
    static const Shape& shape(const Array<E>& a) noexcept { return a.shape(); }
    static bool built(const Array<E>& a) noexcept { return a.built(); }
    static void resize(Array<E>& a, const Shape& shape) { a = Array<E>(shape); }
    ///@}
};

}  // namespace ballast
