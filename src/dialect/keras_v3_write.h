// SPDX-License-Identifier: Apache-2.0
// The steps of lowering to the Keras 3 layout behind the layers: datasets, optimizer and metric state.
#pragma once

#include <string_view>

#include "ballast/model.h"
#include "ballast/options.h"
#include "ballast/report.h"
#include "container/hdf5/write.h"
#include "model/layout.h"

namespace ballast::keras_v3 {

/// A variable below a `vars` group; slashes in the key make groups. Keras 3 marks bfloat16.
void add_dataset(hdf5::Builder& builder, hdf5::Builder::Id group, std::string_view key,
                 const TensorExpr& value, layout::Framework flavor);

/// Optimizer state where it means the same in this flavour, else the report says why it was dropped.
void write_optimizer(hdf5::Builder& builder, const Model& model, layout::Framework flavor,
                     const SaveOptions& options, Report& report);

/// Metric state, which tf_keras stores and Keras 3 does not.
void write_metrics(hdf5::Builder& builder, const Model& model, layout::Framework flavor,
                   const SaveOptions& options, Report& report);

}  // namespace ballast::keras_v3
