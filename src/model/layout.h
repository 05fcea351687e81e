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

#include "ballast/dtype.h"
#include "ballast/tree.h"

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
    std::string_view role;                    ///< its name in Keras 3: "kernel", "moving_mean", …
    std::array<std::string_view, 2> name;     ///< its name in each framework ("depthwise_kernel" in tf_keras)
    std::array<std::string_view, 2> tf_edge;  ///< its attribute in a TF checkpoint's object graph
    std::string_view dtype;  ///< empty: the layer's variable dtype; else a fixed one ("int64")
    std::string_view key;    ///< v3 dataset name; empty: its ordinal among the own weights
    /// Same variable as that of a sub-layer ("layer/kernel"; several: whichever the sub-layer has). v3 files
    /// hold it twice; legacy files once, at its first position.
    std::span<const std::string_view> same_as;
    std::int8_t rank = -1;       ///< number of dimensions; -1: depends on the config or the input
    std::uint8_t gates = 0;      ///< recurrent cells: last dimension in units (LSTM kernel 4); else 0
    bool trainable = true;       ///< by nature; a frozen layer's kernel still is
    FrameworkSet not_in_legacy;  ///< frameworks whose legacy .h5 leave it out
    FrameworkSet not_in_v3;      ///< frameworks whose v3 files leave it out (merged into the kernel)
};

struct ClassLayout;
struct Variant;

/// One sub-layer of a layer.
struct Child {
    std::string_view attribute;  ///< Keras 3 attribute, the canonical path component ("query_dense")
    std::array<std::string_view, 2> stored;   ///< v3 path component by framework ("_query_dense" in tf_keras)
    std::array<std::string_view, 2> tf_edge;  ///< edge in a TF checkpoint's object graph
    std::string_view config_key;              ///< key of its node in the parent's config; empty if fixed
    std::string_view fallback_key;            ///< key to use when config_key is missing or null; may be empty
    const ClassLayout* fixed_class = nullptr;  ///< set when the parent decides the class (LSTM -> LSTMCell)
    const Variant* fixed_variant = nullptr;    ///< set together with fixed_class
    std::string_view layer_name;               ///< of a fixed one: its name in legacy weight names ("query")
    bool each = false;                         ///< container: a list of nodes

    constexpr std::string_view path(Framework framework) const {
        return stored[static_cast<std::size_t>(framework)];
    }
    /// With or without a leading underscore: Keras 3.0 still stored "_query_dense", as tf_keras does.
    constexpr bool is_stored_as(std::string_view component) const {
        const auto plain = [](std::string_view name) { return name.substr(name.starts_with('_') ? 1 : 0); };
        return !component.empty() && plain(attribute) == plain(component);
    }
};

/// `quantized`: the dtype policy has this mode ("int8"); `not_quantized`: it has none.
enum class Test : std::uint8_t {
    truthy,
    falsy,
    null,
    not_null,
    equals,
    not_equals,
    quantized,
    not_quantized
};

/// One test on one config key. A missing key counts as the class default.
struct Condition {
    std::string_view key;
    Test test = Test::truthy;
    std::string_view value;  ///< for (not_)equals: text of a JSON string or number; "a|b*": a, or b…
};

/// One arrangement of a class's variables and sub-layers.
struct Variant {
    FrameworkSet frameworks;
    std::span<const Condition> when;  ///< all must hold
    std::span<const OwnWeight> weights;
    std::span<const Child> children;
    /// By framework: indices into `weights` as legacy files list them; empty where trainable ones come first,
    /// in the order above.
    std::array<std::span<const std::uint8_t>, 2> legacy_weights;
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

/// One built-in class. A model (Functional, Sequential, Model) has one variant with the container `layers`.
struct ClassLayout {
    std::string_view name;  ///< Keras 3 class name where both exist
    std::string_view key;   ///< snake_case(name): the v3 container key, without number
    Kind kind = Kind::layer;
    FrameworkSet frameworks;
    std::span<const Default> defaults;  ///< what a missing config key means
    std::span<const Variant> variants;  ///< one variant without variables for a class that owns none
};

/// The class of that name or alias ("Convolution2D"); null for an unknown (custom, or excluded) class.
/// A registered name ("Custom>X", "Package>Name") is never a built-in.
const ClassLayout* find_class(std::string_view class_name);

/// Every class whose v3 container key (without _<number>) is `key`. Empty: a custom class.
std::vector<const ClassLayout*> classes_with_key(std::string_view key);

/// All classes, sorted by name.
std::span<const ClassLayout> all_classes();

/// Asked for config keys; a key with dots ("dtype.config.mode") is a path into nested objects.
using ConfigLookup = std::function<ConfigValue(std::string_view key)>;
ConfigValue config_value(const Tree& config, std::string_view key);

/// The one variant whose conditions hold, or null when the framework has no such class or variant. A missing
/// key has its default; without any config (a null Tree) only a class with a single variant has an answer.
const Variant* choose_variant(const ClassLayout& layout, const ConfigLookup& config, Framework framework);
const Variant* choose_variant(const ClassLayout& layout, const Tree& config, Framework framework);

enum class Order : std::uint8_t { save = 0, legacy = 1 };

/// Indices into variant.children, in the order the framework walks them: when saving v3 files, or when
/// flattening a layer for a legacy .h5 (docs/layouts.md gives the whole rule).
std::span<const std::uint8_t> child_order(const Variant& variant, Order order, Framework framework);

/// The sub-layer that is stored as `path` below a layer of this class ("cell"), in either framework's
/// spelling; null when there is none. When `fixed_class` is set it holds for every variant; `fixed_variant`
/// then belongs to one of them.
const Child* find_child(const ClassLayout& layout, std::string_view path, Framework framework);

/// Flattening a nested model for a legacy .h5: are its own variables behind those of its layers?
bool model_weights_come_last(Framework framework);

/// Dimensions, outermost first.
using Shape = std::span<const std::uint64_t>;

/// The roles of the variables found in stored order at a v3 key that names `layout`, when every variant that
/// fits by count, rank and (if given, one each) dtype agrees on them; else nothing (3 variables of
/// batch_normalization may lack gamma or beta). Without dtypes quantized layers are not thought of. Variants
/// with keyed datasets (idf_weights) never fit.
std::optional<std::vector<std::string_view>> roles_for(const ClassLayout& layout,
                                                       std::span<const Shape> shapes, Framework framework,
                                                       std::span<const DType> dtypes = {});

/// Whether the class has variants for quantized layers.
bool can_be_quantized(const ClassLayout& layout);

/// The one variant of a quantized layer that fits as above; null when there is none, or when several with
/// different variables do.
const Variant* quantized_variant(const ClassLayout& layout, std::span<const Shape> shapes,
                                 std::span<const DType> dtypes, Framework framework);

/// A class and variant that could have produced the given weights.
struct Candidate {
    const ClassLayout* layout = nullptr;
    const Variant* variant = nullptr;
};
struct NamedShape {
    std::string_view role;  ///< last part of the weight name without ":0"
    Shape shape;
};

/// Built-in layer classes whose flattened legacy weights (own, then those of fixed sub-layers) have exactly
/// these names in this order, with fitting ranks and gate widths. Several candidates are normal (Conv2D and
/// Conv2DTranspose): the caller must then ask, never pick. At most one candidate a class; no cells, no
/// wrappers, no quantized layers.
std::vector<Candidate> candidates_for(std::span<const NamedShape> weights, Framework framework);

/// The role a Keras 1 variable name stands for ("W" -> "kernel", "running_std" -> "moving_variance"); other
/// names come back as they are.
std::string_view role_of_old_name(std::string_view name);

/// A Python class name as a v3 container key. The two differ on private and parametrised names only.
std::string snake_case(std::string_view class_name, Framework framework = Framework::keras3);

}  // namespace ballast::layout
