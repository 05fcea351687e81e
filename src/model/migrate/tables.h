// SPDX-License-Identifier: Apache-2.0
// The tables of config migration, generated at build time from signatures.json (what the real frameworks' own
// constructors take) and rules.json. Static, read-only, any thread. A value of a config stands here as the
// JSON text of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace ballast::migrate::table {

enum class Kind : std::uint8_t {
    layer,
    initializer,
    regularizer,
    constraint,
    optimizer,
    schedule,
    loss,
    metric,
};

struct KeyText {
    std::string_view key;
    std::string_view value;
};

/// One class that Keras 3 has.
struct KerasClass {
    Kind kind;
    std::string_view name;
    std::span<const std::string_view> accepts{};  ///< sorted; any other key makes its constructor fail
    std::span<const KeyText> only_before{};       ///< keys of Keras 2 alone, with Keras 2's default
    std::span<const KeyText> changed{};           ///< what a missing key meant in Keras 2, where that changed
    std::string_view module_name{};               ///< empty: the public module of its kind
    std::span<const KeyText> only_after{};        ///< keys of Keras 3 alone, with its default
    bool in_keras2 = false;
};

struct Rename {
    std::string_view old_name;
    std::string_view name;
};

struct LayerClass {
    std::string_view old_name;
    std::string_view name;
    std::span<const KeyText> set{};  ///< config values that the old class implied
};

struct KeyRename {
    std::string_view class_name;  ///< Keras 3's, or "*"
    std::string_view old_key;
    std::string_view key;
};

/// A key that may be left out where the class does not accept it.
struct Drop {
    std::string_view key;
    std::span<const std::string_view> classes{};  ///< empty: any
    bool always = false;                          ///< else only with one of `values`, or null
    std::span<const std::string_view> values{};
};

/// What a missing key meant.
struct OldDefault {
    std::string_view class_name;
    std::string_view key;
    std::string_view value;
    std::string_view before;  ///< only in configs of an older Keras than this; empty: in all
};

struct ValueRename {
    std::string_view key;  ///< of refused_values: the class
    std::string_view old_value;
    std::string_view value;
};

enum class Conversion : std::uint8_t {
    none,
    lower,              ///< "SAME" -> "same"
    dtype,              ///< "<dtype: 'float16'>" -> "float16"
    offsets,            ///< sizes of parts -> where parts begin
    empty_is_null,      ///< [] -> null
    euclidean_is_null,  ///< "euclidean" -> null
    data_format,        ///< "NHWC" -> "channels_last"
    upper,              ///< "same" -> "SAME", as the others of Backward
    list,               ///< 1 -> [1]
    window,             ///< 2 or [2, 2] -> [1, 2, 2, 1]
};

struct Argument {
    std::string_view key;       ///< of the Keras 3 operation
    std::string_view source;    ///< argument of the tf function
    std::string_view fallback;  ///< when that is missing or null
    Conversion conversion = Conversion::none;
};

struct Operation {
    std::string_view module_name;  ///< below keras.src.ops
    std::string_view name;
    std::span<const Argument> config{};
    std::span<const KeyText> fixed{};
};

/// What one table row cannot say.
enum class Special : std::uint8_t { none, add_n, matmul, silu, clip, l2_normalize, getitem };

/// How to write one tf function.
struct Function {
    std::string_view name;
    Operation operation;
    std::span<const std::string_view> operands{};  ///< arguments that become positional
    std::span<const Argument> call{};              ///< keyword arguments of the call, when not the fallback
    std::span<const KeyText> allowed{};            ///< arguments that may be there, with these values
    Special special = Special::none;
    std::optional<Operation> then{};  ///< applied to the result
};

/// How Keras 2 writes one operation of Keras 3.
struct Backward {
    std::string_view operation;  ///< "numpy.Clip"
    std::string_view function;
    std::span<const std::string_view> operands{};  ///< what its further positional arguments are called
    /// Of its config. A null leaves the argument out where the fallback is null; means the operation's other
    /// key where that is "@key"; and is refused else.
    std::span<const Argument> config{};
    std::span<const KeyText> fixed{};             ///< keys of its config that must have these values, or null
    std::span<const KeyText> set{};               ///< further arguments of the function
    std::span<const Argument> call{};             ///< keyword arguments of the call
    std::span<const std::string_view> ignored{};  ///< keys of its config that change no values
    bool last = false;  ///< only where the row of `functions`, read backwards, does not do
};

extern const std::span<const KerasClass> classes;  ///< sorted by kind's name, then name
extern const std::span<const Rename> class_aliases;
extern const std::span<const LayerClass> layer_classes;
extern const std::span<const Rename> refused_classes;  ///< name: reason
extern const std::span<const Rename> changed_meaning;  ///< name: what changed
extern const std::span<const KeyRename> key_renames;
extern const std::span<const Drop> drops;
extern const std::span<const OldDefault> old_defaults;
extern const std::span<const ValueRename> value_renames;
extern const std::span<const ValueRename> refused_values;
extern const std::span<const Rename> activations;
extern const std::span<const Rename> initializers;
extern const std::span<const Rename> losses;
extern const std::span<const Rename> optimizers;
extern const std::span<const Rename> metric_functions;
extern const std::span<const Function> functions;
extern const std::span<const Backward> functions_of_operations;
extern const std::span<const Rename> operations;  ///< Keras 3's: name: module below keras.src.ops

/// Null when Keras 3 has no such class; `name` may be an alias.
const KerasClass* find_class(Kind kind, std::string_view name);
bool accepts(const KerasClass& known, std::string_view key);
/// The new spelling, or nothing.
std::optional<std::string_view> renamed(std::span<const Rename> rows, std::string_view old_name);
const Function* find_function(std::string_view name);

}  // namespace ballast::migrate::table
