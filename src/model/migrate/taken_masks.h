// SPDX-License-Identifier: Apache-2.0
// Masks that layers take off what they are called with, so that others read it without one.
#pragma once

#include "ballast/tree.h"
#include "model/migrate/context.h"

namespace ballast::migrate {

/// The layers of a functional model of Keras 2; where one would take the mask off a tensor that others read,
/// it reads a copy. What changes is noted.
Tree with_masks_kept(Context& context, const Tree& layers);

}  // namespace ballast::migrate
