// SPDX-License-Identifier: Apache-2.0
// What the writers of all formats report about a value: how it arrived, and what could not.
#pragma once

#include <string>
#include <string_view>

#include "ballast/model.h"
#include "ballast/report.h"

namespace ballast {

/// The stored name of what an expression is made of; of its first source when there are several, with "+n".
std::string source_name(const TensorExpr& value);

/// The file the first stored tensor of an expression lies in, to tell files apart; null for bytes in memory.
const io::Source* file_of(const TensorExpr& value);

/// Adds a `dropped` entry for each asset, which a weights file by its nature does not hold: no loss.
void report_assets_left(Report& report, const Model& model);
/// The same, and a note on the config.
void report_left_behind(Report& report, const Model& model);

/// Adds one entry for a value written as `stored_name`, known as `canonical` in the target.
void report_written(Report& report, const TensorExpr& value, std::string_view stored_name,
                    std::string_view canonical);

/// Warns of weights of types that the framework writes to this kind of file and does not read back.
void report_unread_types(Report& report, const Model& model, std::string_view framework);

/// Adds one `dropped` entry a variable, with one reason.
void report_dropped(Report& report, const Optimizer& optimizer, std::string_view reason);

/// Adds `dropped` entries for what training keeps outside of the layers and of the model's own optimizer:
/// metrics, and the optimizers of models within the model. No loss.
void report_state_left(Report& report, const Model& model, std::string_view metrics_reason);

/// Adds `dropped` entries for the loose tensors of one part, with one reason. `loss` as of ReportEntry.
void report_dropped(Report& report, const Model& model, Part part, std::string_view reason, bool loss);

}  // namespace ballast
