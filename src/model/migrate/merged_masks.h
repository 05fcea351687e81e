// SPDX-License-Identifier: Apache-2.0
// Masks of merged tensors: Keras 2 masks the steps that any input masks, Keras 3 those that all mask, and
// none where an input has no mask.
#pragma once

#include "ballast/tree.h"
#include "model/migrate/context.h"

namespace ballast::migrate {

/// The layers of a functional model of Keras 2; where Keras 3 would merge masks to others, the result of the
/// merge is given its mask by operations. What changes is noted.
Tree with_merged_masks(Context& context, const Tree& layers);

}  // namespace ballast::migrate
