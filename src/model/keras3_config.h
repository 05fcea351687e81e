// SPDX-License-Identifier: Apache-2.0
// The one place where a model's config becomes one that Keras 3 opens. Pure function; any thread.
#pragma once

#include "ballast/tree.h"

namespace ballast {

/// The config as it stands in the config.json of a .keras of Keras 3. One that already is comes back
/// verbatim. Throws unsupported for the dialects that have to be rewritten first: Keras 1 and 2, and
/// whole-model .h5.
Tree keras3_config(Tree config);

}  // namespace ballast
