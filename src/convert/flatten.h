// SPDX-License-Identifier: Apache-2.0
// Dense kernels behind a Flatten for the other data format. Changes values of a Model, which stay
// expressions; any thread, one model each.
#pragma once

#include <vector>

#include "ballast/flatten.h"
#include "ballast/model.h"
#include "ballast/report.h"

namespace ballast {

/// Puts the rows of each kernel, and (`slots`) of the optimizer's slots for it, in the order of the other
/// data format. Errors: name_not_found, shape_mismatch, ambiguous_mapping for optimizer state that may be the
/// kernel's.
void reorder_flattened(Model& model, const std::vector<FlattenOrder>& orders, Report& report,
                       bool slots = true);

}  // namespace ballast
