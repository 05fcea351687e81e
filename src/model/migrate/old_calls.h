// SPDX-License-Identifier: Apache-2.0
// The calls of a functional model of Keras 2 as its config has them: who reads which tensor, and how to have
// it read another. Pure functions.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/tree.h"

namespace ballast::migrate {

/// A tensor by the layer, the call and the output: of the leaf ["layer", call, output(, arguments)].
std::string key_of(const Tree& leaf);
std::string layer_of(const std::string& key);
/// What a call is given, in its order, its keyword arguments among them.
std::vector<std::string> tensors_of(const Tree& call);
/// A leaf without arguments.
Tree reference_to(const std::string& key);
/// The same calls with other leaves; `other` gets a leaf without its arguments, which stay.
Tree with_references(const Tree& calls, const std::function<Tree(const Tree& leaf)>& other);
/// A layer that is called with `calls`.
Tree old_layer(std::string_view class_name, Tree config, Tree calls);

/// The names of a model's layers, and new ones.
class LayerNames {
public:
    explicit LayerNames(const Tree& layers);
    std::string fresh(const std::string& wanted);

private:
    std::set<std::string> taken_;
};

}  // namespace ballast::migrate
