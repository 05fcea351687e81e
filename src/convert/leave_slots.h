// SPDX-License-Identifier: Apache-2.0
// An optimizer without its slots, the variables it keeps for each weight: what remains is the count of its
// steps, its learning rate and what else it has once. Pure functions on the model; one thread.
#pragma once

#include "ballast/format.h"
#include "ballast/model.h"
#include "ballast/report.h"

namespace ballast {

/// Empties the slots, with a `skipped` entry each. Errors: unsupported where the target's readers take an
/// optimizer's variables all or not at all.
void leave_slots(Model& model, const FormatInfo& target, Report& report);

}  // namespace ballast
