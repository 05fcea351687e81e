// SPDX-License-Identifier: Apache-2.0
// Masks of merged tensors on the way from Keras 3 to Keras 2. Keras 3 counts the steps that any input counts,
// and has no mask where an input has none; Keras 2 counts those that all count. JSON in, JSON out.
#pragma once

#include "model/migrate/context.h"

namespace ballast::migrate {

/// The layers of a functional model of Keras 2 (as made of one of Keras 3, whose calls name the masks that
/// they are given) with the masks taken off what Keras 2 would merge otherwise. What reads masks by itself
/// behind that is noted.
Tree with_masks_of_keras3(Context& context, const Tree& layers);

}  // namespace ballast::migrate
