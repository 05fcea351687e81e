// SPDX-License-Identifier: Apache-2.0
// What the built-in Keras layers own: variables by role, sub-layers by attribute, and in which order each
// framework stores them. The knowledge is data, extracted from the real frameworks (see docs/layouts.md):
// src/model/layouts.json, turned into constexpr tables at build time. Nothing here is allocated, parsed or
// freed: every pointer, view and span points into static tables and stays valid for the program's lifetime.
// All functions are pure and may be called from any thread.
//
// How to walk a layer node {"class_name": C, "config": K} written by framework F:
//
//     const layout::ClassLayout* known = layout::find_class(C);         // aliases such as Convolution2D
//     included if (known == nullptr) ...                                         // custom class: roles are
//     unknown const layout::Variant* variant = layout::choose_variant(*known, K, F); if (variant == nullptr)
//     ...                                       // this framework has no such class or variant for (const
//     layout::OwnWeight& weight : variant->weights) ...      // role, trainable, in stored order for (size_t
//     i : layout::child_order(*variant, layout::Order::save, F)) {
//         const layout::Child& child = variant->children[i];
//         // name: child.attribute; stored at child.path(F)
//         if (child.fixed_class != nullptr) ...    // class and variant are known: child.fixed_class,
//         child.fixed_variant else ...                                 // its node is in K under
//         child.config_key (else child.fallback_key)
//     }
//
// A child with `each` is a container: the config holds a list of nodes, stored at <path>/<key>, keys numbered
// per container by snake_case(class name).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ballast::layout {

/// Which code base wrote (or will read) a file. Keras 1 and 2, tf.keras and tf_keras are all `tf_keras`.
enum class Framework : std::uint8_t { keras3 = 0, tf_keras = 1 };

/// A set of frameworks as bits: 1 << Framework.
struct FrameworkSet {
    std::uint8_t bits = 0;
    constexpr bool has(Framework framework) const { return (bits >> static_cast<unsigned>(framework)) & 1U; }
};

/// One variable a layer object owns itself (not through a sub-layer).
struct OwnWeight {
    std::string_view role;   ///< the variable's name in Keras 3 ("kernel", "moving_mean", ...)
    std::string_view dtype;  ///< empty: the layer's variable dtype; else a fixed one ("int64")
    std::string_view key;    ///< v3 dataset name; empty: its ordinal among the own weights
    /// Attribute in a TF checkpoint's object graph, by framework.
    std::array<std::string_view, 2> tf_attribute;
    /// Same variable as that of a sub-layer ("layer/kernel"); several: whichever the sub-layer has.
    /// v3 files hold it twice, legacy files once (at its first position).
    std::span<const std::string_view> same_as;
    std::int8_t rank = -1;  ///< number of dimensions; -1 when it depends on the config or the input
    bool trainable = true;  ///< as created; `trainable: false` in a config does not change this
};

struct ClassLayout;
struct Variant;

/// One sub-layer of a layer.
struct Child {
    std::string_view attribute;  ///< Keras 3 attribute = canonical path component ("query_dense")
    std::array<std::string_view, 2>
        stored;                     ///< v3 path component by framework; empty: not stored by that one
    std::string_view config_key;    ///< key of the nested node in the layer's config; empty if fixed
    std::string_view fallback_key;  ///< key to use when config_key is missing or null; may be empty
    const ClassLayout* fixed_class = nullptr;  ///< set when the parent decides the class (LSTM -> LSTMCell)
    const Variant* fixed_variant = nullptr;    ///< set together with fixed_class
    std::array<std::string_view, 2> tf_attribute;  ///< edge in a TF checkpoint's object graph, by framework
    bool each = false;                             ///< container: a list of nodes

    constexpr std::string_view path(Framework framework) const {
        return stored[static_cast<std::size_t>(framework)];
    }
};

enum class Test : std::uint8_t { truthy, falsy, null, not_null, equals, not_equals };

/// One test on one config key. A missing key counts as the class default.
struct Condition {
    std::string_view key;
    Test test = Test::truthy;
    std::string_view value;  ///< for equals / not_equals: text of a JSON string or number
};

/// One arrangement of a class's variables and sub-layers.
struct Variant {
    FrameworkSet frameworks;
    std::span<const Condition> when;  ///< all must hold
    std::span<const OwnWeight> weights;
    std::span<const Child> children;
    /// Child indices in the order of [Order][Framework]; see child_order().
    std::array<std::array<std::span<const std::uint8_t>, 2>, 2> order;
};

enum class Kind : std::uint8_t { layer, cell, wrapper, model };

/// A config value as far as choosing a variant needs it.
struct ConfigValue {
    enum class Type : std::uint8_t { missing, null, boolean, number, text, list, object };
    Type type = Type::missing;
    bool boolean = false;
    std::string_view text;     ///< of a string, or of a number as written
    std::size_t elements = 0;  ///< of a list or an object
};
bool is_truthy(const ConfigValue& value);  ///< as Python's bool()

struct Default {
    std::string_view key;
    FrameworkSet frameworks;
    ConfigValue value;
};

struct ClassLayout {
    std::string_view name;  ///< Keras 3 class name where both exist
    std::string_view key;   ///< snake_case(name): the v3 container key, without number
    Kind kind = Kind::layer;
    FrameworkSet frameworks;
    std::uint8_t gates =
        0;  ///< recurrent cells: width of the kernel in units (LSTM 4, GRU 3, SimpleRNN 1); else 0
    std::span<const Default> defaults;
    std::span<const Variant> variants;  ///< empty for `model`: the variables are those of its layers
};

/// The class of that name or alias; null for an unknown (custom, or excluded) class.
/// A registered name ("Custom>X", "Package>Name") is never a built-in.
const ClassLayout* find_class(std::string_view class_name);

/// Every class whose v3 container key (without _<number>) is `key`. Empty: a custom class.
std::vector<const ClassLayout*> classes_with_key(std::string_view key);

/// All classes, sorted by name; for tests and `--help`.
std::span<const ClassLayout> all_classes();

using ConfigLookup = std::function<ConfigValue(std::string_view key)>;

/// The one variant whose conditions hold, or null when the framework has no such class or variant.
const Variant* choose_variant(const ClassLayout& layout, const ConfigLookup& config, Framework framework);

enum class Order : std::uint8_t { save = 0, legacy = 1 };

/// Indices into variant.children, in the order the framework walks them: when saving v3 files, or when
/// flattening a layer for a legacy .h5 (docs/layouts.md gives the whole rule).
std::span<const std::uint8_t> child_order(const Variant& variant, Order order, Framework framework);

/// The roles of `shapes.size()` variables found in stored order at a v3 key that names `layout`, when every
/// variant that fits by count and rank agrees on them; else nothing (3 variables of batch_normalization may
/// lack gamma or beta). Variants with keyed datasets (idf_weights) never fit.
using Shape = std::span<const std::uint64_t>;
std::optional<std::vector<std::string_view>> roles_for(const ClassLayout& layout,
                                                       std::span<const Shape> shapes, Framework framework);

/// A class and variant that could have produced the given weights.
struct Candidate {
    const ClassLayout* layout = nullptr;
    const Variant* variant = nullptr;
};

/// Built-in layer classes whose flattened legacy weights (own and fixed sub-layers') carry exactly these role
/// names in this order, with fitting ranks and gate widths. More than one candidate is normal (Conv2D and
/// Conv2DTranspose): the caller must then ask, never pick.
struct NamedShape {
    std::string_view role;  ///< last part of the weight name without ":0"
    Shape shape;
};
std::vector<Candidate> candidates_for(std::span<const NamedShape> weights, Framework framework);

/// A Python class name as a v3 container key. The two differ on private and parametrised names only.
std::string snake_case(std::string_view class_name, Framework framework = Framework::keras3);

}  // namespace ballast::layout
