// SPDX-License-Identifier: Apache-2.0
// The config.json of a .keras as tf_keras takes it. Pure functions on values; any thread.
#pragma once

#include "ballast/model.h"
#include "ballast/tree.h"

namespace ballast::keras_zip {

/// The model's config, one of Keras 2, with modules at its top and at what it is compiled with, as
/// tf_keras looks these up; one out of a .keras comes back verbatim. Errors: unsupported for configs of Keras
/// 1 and 3.
Tree tf_keras_config(const Model& model);

/// Of the optimizer's node in such a config: one of those without state in a .keras.
bool is_legacy_optimizer(const Tree& optimizer);
/// One around another, which scales the loss.
bool is_loss_scaling(const Tree& optimizer);

}  // namespace ballast::keras_zip
