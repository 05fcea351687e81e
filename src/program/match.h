// SPDX-License-Identifier: Apache-2.0
// Which weights of a file belong to which of a program. Pure functions.
#pragma once

#include "ballast/model.h"
#include "ballast/program_weights.h"
#include "ballast/report.h"

namespace ballast {

/// `program` with the values of `source` where they belong; a layer that is skipped keeps its own. Errors as
/// of align(), and ambiguous_mapping where paths and names speak for different layers.
Model match_program(const Model& source, Model program, const LoadWeightsOptions& options, Report& report);

}  // namespace ballast
