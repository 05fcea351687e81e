// SPDX-License-Identifier: Apache-2.0
// The calls of a functional model: names of its layers, references between them, and how both frameworks
// write one call. Lives for one container, on one thread.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "model/migrate/context.h"

namespace ballast::migrate {

/// A layer of the container, as the others refer to it.
struct Producer {
    std::string name;  ///< in Keras 3
    /// Keras 2 counts from 1 the calls of a model that has a node of its own; Keras 3 from 0.
    int shift = 0;
    int output_shift = 0;  ///< the same in output_layers, where Keras 3 takes one off for Functional
    std::vector<std::string> calls;  ///< of a tf function: the operation that each call became
};

class Graph {
public:
    /// `masked`: masks flow through the model. Keras 3 computes them by operations that it names while it
    /// loads, so that no layer may have such a name.
    Graph(const Tree& layers, bool masked);

    const Producer* find(std::string_view old_name) const;
    /// Takes a name that no layer has yet.
    std::string fresh(std::string_view wanted);
    /// Later calls of a tf function are operations of their own.
    void set_calls(const std::string& old_name, std::size_t count);
    void set_shift(const std::string& old_name, int shift, int output_shift);

    /// ["layer", node, tensor] of Keras 2 naming a layer of this container.
    bool is_reference(const Tree& value) const;
    /// That as a __keras_tensor__.
    Tree tensor(const Tree& reference) const;
    /// A structure of references for input_layers and output_layers.
    Tree ports(const Tree& value) const;
    /// An argument's value: references become tensors, slices and arrays their Keras 3 form.
    Tree value(const Tree& value) const;
    bool mentions_tensor(const Tree& value) const;

private:
    std::unordered_map<std::string, Producer> producers_;
    std::unordered_set<std::string> taken_;
};

/// __keras_tensor__ of an operation made here.
Tree tensor_of(std::string_view name, std::int64_t node = 0, std::int64_t tensor = 0);
/// {"args": …, "kwargs": …}
Tree call_of(Tree args, Tree kwargs);
/// A constant operand: an array as __numpy__, a scalar as it is.
Tree constant(const Tree& value);

/// Is this the leaf ["name", node, tensor(, kwargs)] of a call?
bool is_leaf(const Tree& value);
/// The keyword arguments of a call: those of its first leaf.
const Tree& call_arguments(const Tree& call);

/// Whether some layer of the config makes a mask.
bool makes_masks(const Tree& config);
/// Whether the call gives a recurrent layer its states.
bool gives_states(std::string_view class_name, const Tree& call);

/// A layer's call.
Tree convert_call(const Graph& graph, std::string_view class_name, const Tree& call);
/// A tf function's layer: the operations that stand for its calls, one or more a call.
std::vector<Tree> convert_function(Context& context, Graph& graph, const Place& place, const Tree& node);

}  // namespace ballast::migrate
