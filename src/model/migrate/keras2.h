// SPDX-License-Identifier: Apache-2.0
// Keras 3 to Keras 2: the parts of the way back, which keras2*.cpp share. See migrate_to_keras2() in
// migrate.h. Lives for one call, on one thread.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "model/migrate/context.h"

namespace ballast::migrate {

/// What comes of a key that only Keras 3 has: nothing when its value means nothing, else a refusal.
bool keep_for_keras2(Context& context, const Place& place, const table::KerasClass& known,
                     std::string_view key, const Tree& value);
/// An initializer, regularizer, constraint, schedule, loss or metric: null, a name or a node.
Tree object_for_keras2(Context& context, const Place& place, table::Kind kind, const Tree& value);
Tree activation_for_keras2(Context& context, const Place& place, const Tree& value);
Tree dtype_for_keras2(Context& context, const Place& place, const Tree& value);
/// A layer, wrapper, cell or model.
Tree layer_for_keras2(Context& context, const Tree& node);
Tree optimizer_for_keras2(Context& context, const Tree& node);

/// How much larger an index of a call of each layer is in Keras 2, which gives nested models a call of their
/// own.
struct Shifts {
    std::map<std::string, int, std::less<>> calls;    ///< in nodes
    std::map<std::string, int, std::less<>> outputs;  ///< in input_layers and output_layers
};
/// The layers of a Functional with their nodes as Keras 2 has them; operations become TFOpLambda layers, and
/// those that only made masks, which Keras 2 makes itself, are left out.
Tree graph_for_keras2(Context& context, const Tree& config, const Shifts& shifts);
/// The same for one operation's node, by the table of functions. `refer` turns a tensor into [layer, call,
/// index].
struct OperationCall {
    std::string function;
    Tree first;   ///< the first argument, as Keras 3 has it
    Tree kwargs;  ///< of Keras 2; tensors still as Keras 3 has them
    bool slicing = false;
};
OperationCall operation_for_keras2(Context& context, const Place& place, const Tree& node, const Tree& call);

bool is_tensor(const Tree& value);

}  // namespace ballast::migrate
