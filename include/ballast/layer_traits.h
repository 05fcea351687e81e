// SPDX-License-Identifier: Apache-2.0
// LayerTraits: what a struct that stands for a layer says about itself beyond its type's and fields' names.
//
// Without it the type's name is the Keras class (namespaces and template arguments left out), its tensor
// fields are the variables, its struct fields the sub-layers. Every member is optional:
//
//   template <>
//   struct ballast::LayerTraits<my::Linear> {
//       static constexpr std::string_view class_name = "Dense";
//       static constexpr std::string_view package = "my_package";   // of a registered custom class
//       static constexpr FieldNames<2> names = {{{"w", "kernel"}, {"b", "bias"}}};
//       // Keras' order of creation, by Keras' names:
//       static constexpr std::array<std::string_view, 2> order = {"kernel", "bias"};
//       static constexpr std::array<std::string_view, 1> not_trainable = {"steps"};  // by Keras' names
//       static constexpr std::array<std::string_view, 1> skip = {"scratch"};  // C++ names, never stored
//       static constexpr LayerStyle style = LayerStyle::container;
//       static std::string name(const my::Linear&);  // the layer's own; else the field's
//       static bool trainable(const my::Linear&);    // the layer's flag
//       static Shape shape(const my::Linear&, std::string_view field);  // of a std::vector's elements
//   };
//
// A class of Keras' own needs neither `order` nor `not_trainable`: Ballast knows them by the variables'
// names.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace ballast {

/// Specialise it for a struct whose names do not say all; the head of this file lists the members.
template <class T>
struct LayerTraits {};

/// Pairs of a C++ field's name and the name Keras knows it by.
template <std::size_t n>
using FieldNames = std::array<std::pair<std::string_view, std::string_view>, n>;

/// How Keras reaches the layers that a struct holds.
enum class LayerStyle : std::uint8_t {
    automatic,   ///< container for the outermost struct and for types named Sequential, Functional or Model;
                 ///< attributes for all others
    container,   ///< as a Sequential or Functional: `layers/dense`, `layers/dense_1`, by class and place
    attributes,  ///< as a keras.Layer of your own: `encoder`, `encoder/norm`, by the fields' names
    subclassed,  ///< as a keras.Model of your own: by the fields' names up to "layers" in the alphabet, the
                 ///< rest as `layers/dense`
};

}  // namespace ballast
