// SPDX-License-Identifier: Apache-2.0
// What the parts of one migration share: options, the notes they add to, and each other's entry points.
// Lives for one call, on one thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/migrate/migrate.h"
#include "model/migrate/tables.h"

namespace ballast::migrate {

/// Where a value stands: for notes and errors.
struct Place {
    std::string layer;
    std::string class_name;
};

class Context {
public:
    Context(const Options& given, Migrated& into) : options(given), result(into) {}

    void note(NoteKind kind, const Place& place, std::string text);
    /// Notes that the loader must be given `name`.
    void custom(const Place& place, std::string_view name);

    const Options& options;
    Migrated& result;
    std::string version;   ///< of the Keras that wrote the config; empty: not known
    std::string path;      ///< of the container being read, old names
    std::string new_path;  ///< the same in new names
    unsigned depth = 0;    ///< of containers and wrappers
    bool masked = false;   ///< some layer of the model makes a mask
};

/// Counts one level of nesting for its lifetime; throws limit_exceeded when there are too many.
class Nested {
public:
    explicit Nested(Context& context);
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;
    ~Nested() { --context_.depth; }

private:
    Context& context_;
};

/// Throws limit_exceeded when values are nested deeper than the limits allow.
void check_depth(const Tree& tree, const Options& options);
/// "Package>Name" -> Name when the package is Keras' own or `Custom` and Name is known; else as it is.
std::string_view bare_class(table::Kind kind, std::string_view name);
/// A node of Keras 3.
Tree node_of(std::string_view module_name, std::string_view class_name, Tree config);
std::string_view module_of(table::Kind kind);
/// A node whose class the loader must be given.
Tree custom_node(Context& context, const Place& place, std::string_view class_name, const Tree& config);
/// JSON text from a table as a value.
Tree value_of(std::string_view json);
/// Equal values; numbers by what they are worth.
bool same_value(const Tree& a, const Tree& b);
/// A name as Keras 3 allows it.
std::string safe_name(std::string_view name);
bool older_than(std::string_view version, std::string_view limit);

// objects.cpp
/// An initializer, regularizer, constraint: null, a name, or a node.
Tree convert_object(Context& context, const Place& place, table::Kind kind, const Tree& value);
Tree convert_activation(Context& context, const Place& place, const Tree& value);
Tree convert_dtype(const Tree& value);
/// Takes tuples and arrays out of their wrapping.
Tree plain_value(const Tree& value);

// layers.cpp
/// A layer, wrapper, cell or model as a Keras 3 node. `name` replaces the layer's own when not empty.
Tree convert_layer(Context& context, const Tree& node, std::string_view name);
/// One key of an object of a known class that its Keras 3 constructor does not take: true when it may go.
bool may_drop(const table::KerasClass& known, std::string_view key, const Tree& value);

// containers.cpp
bool is_container(const Tree& node);
Tree convert_container(Context& context, const Tree& node, std::string_view name);

}  // namespace ballast::migrate
