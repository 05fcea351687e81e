// SPDX-License-Identifier: Apache-2.0
// Telling folders that are one model from folders of models. A pure function.
#pragma once

#include "dialect/keras_parts.h"

namespace ballast {

/// A SavedModel or an unpacked .keras. `has(name)` says whether the folder holds such a file.
template <class Has>
bool is_model_folder(Has has) {
    return has("saved_model.pb") || (has(keras_parts::config_name) && has(keras_parts::weights_name));
}

}  // namespace ballast
