// SPDX-License-Identifier: Apache-2.0
// Which structs weights.h cannot look into, and the sentence that a compiler then says. Used through
// weights.h.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace ballast::detail {

template <class T>
struct IsOwner : std::false_type {};
template <class T>
struct IsOwner<std::optional<T>> : std::true_type {};
template <class T, class D>
struct IsOwner<std::unique_ptr<T, D>> : std::true_type {};
template <class T>
struct IsOwner<std::shared_ptr<T>> : std::true_type {};
template <class T>
struct IsShared : std::false_type {};
template <class T>
struct IsShared<std::shared_ptr<T>> : std::true_type {};

template <class T>
struct IsList : std::false_type {};
template <class T, class A>
struct IsList<std::vector<T, A>> : std::true_type {};
template <class T, std::size_t n>
struct IsList<std::array<T, n>> : std::true_type {};
template <class T>
struct IsMap : std::false_type {};
template <class K, class V, class C, class A>
struct IsMap<std::map<K, V, C, A>> : std::true_type {};

/// What a layer keeps beside its weights, as a Python object does: never stored.
template <class T>
concept Setting = std::is_arithmetic_v<T> || std::is_enum_v<T> || std::same_as<T, std::string> ||
    std::same_as<T, std::string_view> || std::same_as<T, const char*>;

/// Converts to whatever T derives from, and to nothing else.
template <class T>
struct ToBaseOf {
    template <class Base>
    requires(std::is_base_of_v<Base, T> && !std::same_as<Base, T>) operator Base() const;
};
template <class T>
concept HasBase = requires {
    T{ToBaseOf<T>{}};
};

/// Converts to whatever a field is, but never to a C array, which takes one of these for each of its
/// elements.
struct ToAny {
    template <class Field>
    operator Field() const;
};
template <std::size_t>
using ToAnyAt = ToAny;
template <class T, std::size_t... i>
constexpr bool takes(std::index_sequence<i...>) {
    return requires {
        T{ToAnyAt<i>{}...};
    };
}
template <class T, std::size_t... i, std::size_t... j>
constexpr bool takes_empty_between(std::index_sequence<i...>, std::index_sequence<j...>) {
    return requires {
        T{ToAnyAt<i>{}..., {}, ToAnyAt<j>{}...};
    };
}
/// How many values T{...} takes without inner braces.
template <class T, std::size_t n = 0>
constexpr std::size_t value_count() {
    if constexpr (takes<T>(std::make_index_sequence<n + 1>{})) {
        return value_count<T, n + 1>();
    } else {
        return n;
    }
}
/// An empty pair of braces stands for one value, or for a whole C array: then fewer may follow.
template <class T, std::size_t at, std::size_t count>
constexpr bool starts_c_array() {
    return takes_empty_between<T>(std::make_index_sequence<at>{}, std::index_sequence<>{}) &&
           !takes_empty_between<T>(std::make_index_sequence<at>{},
                                   std::make_index_sequence<count - at - 1>{});
}
template <class T, std::size_t... at>
constexpr bool any_c_array(std::index_sequence<at...>) {
    return (starts_c_array<T, at, sizeof...(at)>() || ...);
}
/// Whether a field is a C array of two or more elements.
template <class T>
concept HasCArray = any_c_array<T>(std::make_index_sequence<value_count<T>()>{});

template <class T>
constexpr void check_layer_type() {
    static_assert(std::is_class_v<T>,
                  "Ballast: this field is neither a tensor nor a layer. Give its type a "
                  "ballast::TensorTraits, or name the field in LayerTraits<...>::skip of its struct.");
    static_assert(!std::is_class_v<T> || std::is_aggregate_v<T>,
                  "Ballast: this type is neither a tensor nor a plain struct, so that its fields cannot be "
                  "seen. Remove its constructors and private members, give it a ballast::TensorTraits, or "
                  "name the field in LayerTraits<...>::skip of its struct.");
    if constexpr (std::is_aggregate_v<T>)
        static_assert(!HasBase<T>,
                      "Ballast: the fields of a struct that inherits from another cannot be seen. Make the "
                      "base a member.");
    if constexpr (std::is_aggregate_v<T>)
        static_assert(
            !HasCArray<T>,
            "Ballast: the fields of a struct with a C array cannot be seen. Make it a std::array, with "
            "{} after its name.");
}

}  // namespace ballast::detail
