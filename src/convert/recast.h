// SPDX-License-Identifier: Apache-2.0
// Casting the weights of a model to one element type. The model gets cast expressions; the engine computes
// them, and the counts tell afterwards what did not fit.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ballast/model.h"
#include "ballast/report.h"

namespace ballast {

/// A weight that can overflow in its new type.
struct Recast {
    std::string name;  ///< canonical
    TensorExpr value;  ///< the cast
    std::shared_ptr<CastCount> count;
};

/// Casts every floating-point weight: not integers, complex numbers, optimizer or metric state. Returns those
/// that can overflow. Errors: invalid_argument when `dtype` is none of float16, bfloat16, float32, float64.
std::vector<Recast> recast_weights(Model& model, DType dtype);

/// Adds a warning for each weight of which finite elements became infinite when it was evaluated.
void report_overflows(const std::vector<Recast>& recasts, Report& report);

}  // namespace ballast
