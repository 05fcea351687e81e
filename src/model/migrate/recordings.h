// SPDX-License-Identifier: Apache-2.0
// AddLoss and AddMetric: what add_loss() and add_metric() leave in a functional model of Keras 2. They pass
// their input on and matter in training only; Keras 3 has neither. Pure functions on Keras 2's configs.
#pragma once

#include "model/migrate/context.h"

namespace ballast::migrate {

/// The config of a functional model without such layers and without the tf functions that only they read; a
/// note for each layer.
Tree without_recordings(Context& context, const Tree& config);

}  // namespace ballast::migrate
