// SPDX-License-Identifier: Apache-2.0
// The steps of lowering to the Keras 3 layout behind the layers: optimizer and metric state.
#pragma once

#include "ballast/model.h"
#include "ballast/options.h"
#include "ballast/report.h"
#include "dialect/keras_v3_output.h"
#include "model/layout.h"

namespace ballast::keras_v3 {

/// Optimizer state where it means the same in this flavour, else the report says why it was dropped.
void write_optimizer(Output& output, const Model& model, layout::Framework flavor, const SaveOptions& options,
                     Report& report);

/// Metric state, which tf_keras stores and Keras 3 does not.
void write_metrics(Output& output, const Model& model, layout::Framework flavor, const SaveOptions& options,
                   Report& report);

}  // namespace ballast::keras_v3
