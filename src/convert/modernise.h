// SPDX-License-Identifier: Apache-2.0
// A whole model of Keras 1 or 2, or of Keras 3's own .h5, as a .keras of Keras 3 describes it. Pure function
// on values: no bytes are read; any thread.
#pragma once

#include "ballast/model.h"
#include "ballast/report.h"

namespace ballast {

/// The model with its config and training config migrated (src/model/migrate) and its weights in the places
/// the new config gives them. A model out of a Keras 3 .h5 gets the modules that its config lacks; one of
/// another Keras 3 file, or without a config, comes back as it is. What changed is noted, what will not be
/// the same or needs something of the loader is warned about. Errors: unsupported where Keras 3 has no
/// counterpart; as of align().
Model modernised(Model model, Report& report);

/// The way back: a model of Keras 3 as Keras 2 describes it, for what exists in both. One of Keras 2, or
/// without a config, comes back as it is. Errors: unsupported, naming the layer; as of align().
Model for_tf_keras(Model model, Report& report);

}  // namespace ballast
