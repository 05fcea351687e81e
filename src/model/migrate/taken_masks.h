// SPDX-License-Identifier: Apache-2.0
// Masks that layers take off what they are called with, so that others read it without one.
#pragma once

#include "ballast/tree.h"
#include "model/migrate/context.h"

namespace ballast::migrate {

/// The layers of a functional model of Keras 2; where one would take the mask off a tensor that others read,
/// it reads a copy. What changes is noted. `while_it_runs`: with_merged_masks() changed something, whose
/// masks Keras 3 does not know while it builds the model: then merging layers read them later, too.
Tree with_masks_kept(Context& context, const Tree& layers, bool while_it_runs);

}  // namespace ballast::migrate
