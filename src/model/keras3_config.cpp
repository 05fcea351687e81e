// SPDX-License-Identifier: Apache-2.0
// The one place where a model's config becomes one that Keras 3 opens, see keras3_config.h.
#include "model/keras3_config.h"

#include <utility>

#include "ballast/error.h"
#include "model/config.h"

namespace ballast {

Tree keras3_config(Tree config) {
    const bool keras3 = config_framework(config) == layout::Framework::keras3;
    if (keras3 && config.find("module")) return config;
    throw Error(
        ErrorCode::unsupported,
        keras3 ? "the model's config names no module, as those of whole-model .h5 files do"
               : "the model's config is one of Keras 1 or 2, which a .keras of Keras 3 cannot hold as it is")
        .hint(
            "give the same model as Keras 3 describes it: --config MODEL.json (written by model.to_json()); "
            "or convert the weights alone, to .weights.h5");
}

}  // namespace ballast
