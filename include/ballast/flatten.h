// SPDX-License-Identifier: Apache-2.0
// FlattenOrder: how the source flattened feature maps before a Dense layer, where the target does it in the
// other data format. A plain value.
#pragma once

#include <string>
#include <string_view>

#include "ballast/export.h"
#include "ballast/tensor.h"

namespace ballast {

/// One Dense layer behind a Flatten.
struct FlattenOrder {
    std::string layer;            ///< its canonical path in the target; its kernel is `layer`/kernel
    bool channels_first = false;  ///< the source's data format; the target's is the other one
    Shape shape;                  ///< of the feature map that the source flattened, without the batch
};

/// "dense_1=channels_first:512,7,7". invalid_argument for anything else.
BALLAST_API FlattenOrder parse_flatten_order(std::string_view text);

}  // namespace ballast
