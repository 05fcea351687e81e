// SPDX-License-Identifier: Apache-2.0
// Planning a SavedModel: from a model's config alone, or an existing one with other values. One thread.
#pragma once

#include <string>

#include "ballast/format.h"
#include "folder.h"

namespace ballast::saved_model {

/// What may be written: the objects of Keras 2, without functions, as with save_traces=False; and the folder
/// of another SavedModel with its functions and signatures, in which only values differ.
inline constexpr std::string_view config_flavor = "tf_keras", traced_flavor = "traced";

/// Errors: needs_config, unsupported (no Sequential or Functional of Keras 2), as of lowering.
WritePlan plan_from_config(const Model& model, const Target& target, const SaveOptions& options,
                           Report& report);

/// `target.old` is the SavedModel that is kept but for its values. Errors: unsupported, shape_mismatch,
/// dtype_mismatch, as of reading it.
WritePlan plan_with_values(const Model& model, const Target& target, const SaveOptions& options,
                           Report& report);

/// A file of the folder that shall be written.
PlannedFile file_of_text(const Target& target, std::string_view name, std::string_view text);
/// The prefix of the variables in the folder that shall be written.
std::string variables_of(const Target& target);

}  // namespace ballast::saved_model
