// SPDX-License-Identifier: Apache-2.0
// Eigen's matrices, arrays, maps and tensors as fields of structs that weights.h saves and loads.
//
//     #include <ballast/eigen.h>
//     #include <ballast/weights.h>
//
//     struct Dense { Eigen::MatrixXf kernel{}; Eigen::VectorXf bias{}; };   // a kernel has inputs x units
//
// What is a vector at compile time has one dimension, any other matrix two, Eigen::Tensor as many as its type
// says. Column-major storage, which is Eigen's usual, is turned while saving and loading: files are
// row-major. Empty matrices of dynamic size get their shape when they are loaded; a Map keeps the program's
// memory and must have the right size. Needs Eigen 3.3 or newer, which is not a dependency of the library;
// for Eigen::Tensor include <unsupported/Eigen/CXX11/Tensor> before this header.
#pragma once

#if __has_include(<Eigen/Core>)
#include <Eigen/Core>
#elif __has_include(<eigen3/Eigen/Core>)
#include <eigen3/Eigen/Core>
#else
#error "ballast/eigen.h needs Eigen's headers (Debian: libeigen3-dev; pkg-config: eigen3)"
#endif

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "ballast/error.h"
#include "ballast/tensor_traits.h"

namespace ballast {
namespace detail {

/// What dense matrices and arrays of Eigen that own their elements have in common.
template <class M>
struct EigenTraits {
    using element = typename M::Scalar;
    static constexpr bool is_vector = M::IsVectorAtCompileTime;
    static constexpr std::size_t rank = is_vector ? 1 : 2;
    static constexpr bool column_major = !is_vector && !M::IsRowMajor;
    static constexpr bool is_dynamic = M::SizeAtCompileTime == Eigen::Dynamic;

    static const element* data(const M& m) noexcept { return m.data(); }
    static element* data(M& m) noexcept { return m.data(); }
    static Shape shape(const M& m) {
        if constexpr (is_vector) {
            return {static_cast<std::uint64_t>(m.size())};
        } else {
            return {static_cast<std::uint64_t>(m.rows()), static_cast<std::uint64_t>(m.cols())};
        }
    }
    static bool built(const M& m) noexcept { return !is_dynamic || m.size() != 0; }
    /// shape_mismatch where the type fixes one of the extents to another number.
    static void resize(M& m, const Shape& shape) requires is_dynamic {
        const auto rows = static_cast<Eigen::Index>(is_vector && M::RowsAtCompileTime == 1 ? 1 : shape[0]);
        const auto columns = static_cast<Eigen::Index>(is_vector ? (M::RowsAtCompileTime == 1 ? shape[0] : 1)
                                                                 : shape[shape.rank() - 1]);
        if (!fits(M::RowsAtCompileTime, rows) || !fits(M::ColsAtCompileTime, columns) ||
            !holds(M::MaxRowsAtCompileTime, rows) || !holds(M::MaxColsAtCompileTime, columns))
            refuse_shape(shape);
        m.resize(rows, columns);
    }

private:
    static bool fits(int fixed, Eigen::Index extent) { return fixed == Eigen::Dynamic || fixed == extent; }
    static bool holds(int most, Eigen::Index extent) { return most == Eigen::Dynamic || extent <= most; }
};

}  // namespace detail

/// Eigen::Matrix and the types named after it: MatrixXf, VectorXd, Matrix<float, Dynamic, 4, RowMajor>, …
template <class E, int rows, int columns, int options, int most_rows, int most_columns>
struct TensorTraits<Eigen::Matrix<E, rows, columns, options, most_rows, most_columns>>
    : detail::EigenTraits<Eigen::Matrix<E, rows, columns, options, most_rows, most_columns>> {};

/// Eigen::Array and the types named after it.
template <class E, int rows, int columns, int options, int most_rows, int most_columns>
struct TensorTraits<Eigen::Array<E, rows, columns, options, most_rows, most_columns>>
    : detail::EigenTraits<Eigen::Array<E, rows, columns, options, most_rows, most_columns>> {};

/// A matrix in memory of the program's own, without gaps (no stride of its own). Its size stays as it is.
template <class M, int options>
struct TensorTraits<Eigen::Map<M, options, Eigen::Stride<0, 0>>> {
    /// As the head of tensor_traits.h says. Maps of const matrices can only be saved.
    ///@{
    using Map = Eigen::Map<M, options, Eigen::Stride<0, 0>>;
    using Plain = std::remove_const_t<M>;
    using element = typename Plain::Scalar;
    static constexpr std::size_t rank = detail::EigenTraits<Plain>::rank;
    static constexpr bool column_major = detail::EigenTraits<Plain>::column_major;
    static auto* data(const Map& m) noexcept {
        if constexpr (std::is_const_v<M>) {
            return m.data();
        } else {
            return const_cast<element*>(m.data());  // the map is const, its elements are not
        }
    }
    static Shape shape(const Map& m) {
        if constexpr (rank == 1) {
            return {static_cast<std::uint64_t>(m.size())};
        } else {
            return {static_cast<std::uint64_t>(m.rows()), static_cast<std::uint64_t>(m.cols())};
        }
    }
    ///@}
};

#ifdef EIGEN_CXX11_TENSOR_TENSOR_H
/// A tensor of any rank, such as the kernel of a convolution. It must have its shape before it is loaded: its
/// moves may throw, and a load changes all or nothing.
template <class E, int dimensions, int options, class I>
struct TensorTraits<Eigen::Tensor<E, dimensions, options, I>> {
    /// As the head of tensor_traits.h says.
    ///@{
    using Tensor = Eigen::Tensor<E, dimensions, options, I>;
    using element = E;
    static constexpr std::size_t rank = dimensions;
    static constexpr bool column_major = (options & Eigen::RowMajor) == 0;
    static const E* data(const Tensor& t) noexcept { return t.data(); }
    static E* data(Tensor& t) noexcept { return t.data(); }
    static Shape shape(const Tensor& t) {
        std::array<std::uint64_t, rank> extents{};
        for (std::size_t i = 0; i < rank; ++i)
            extents[i] = static_cast<std::uint64_t>(t.dimension(i));
        return Shape(std::span<const std::uint64_t>(extents));
    }
    ///@}
};
#endif

}  // namespace ballast
