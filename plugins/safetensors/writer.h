// SPDX-License-Identifier: Apache-2.0
// Laying out a safetensors file.
#pragma once

#include <string>

#include "ballast/model.h"
#include "ballast/options.h"
#include "ballast/plan.h"
#include "ballast/report.h"

namespace ballast::safetensors {

/// Header and tensors of a model as one file. The same model and options give the same bytes.
PlannedFile lay_out(const Model& model, std::string file_name, const SaveOptions& options, Report& report);

}  // namespace ballast::safetensors
