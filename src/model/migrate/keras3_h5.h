// SPDX-License-Identifier: Apache-2.0
// Keras 3's own configs of whole-model `.h5` files, whose layers carry no `module`, as its `.keras` files
// have them. JSON in, JSON out; any thread. Judged by Keras 3 in tests/interop/test_whole_h5.py.
#pragma once

#include <string>
#include <vector>

#include "ballast/tree.h"

namespace ballast::migrate {

struct Completed {
    Tree config;                              ///< with compile_config where there was a training config
    std::vector<std::string> custom_objects;  ///< classes that are not Keras' own, each once
};

/// `config` is one of Keras 3; objects that have a module keep it. A functional model under the name of a
/// user's class becomes a Functional. `training_config` may be null.
Completed complete_keras3(const Tree& config, const Tree& training_config);

}  // namespace ballast::migrate
