// SPDX-License-Identifier: Apache-2.0
// The legacy layout of Keras 1, Keras 2 and tf_keras `.h5` files: layer_names, weight_names, and around them
// (whole models) model_config, training_config, optimizer_weights. Source: spec/keras-hdf5.md §4.
//
// Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "ballast/archive.h"
#include "ballast/plan.h"
#include "container/hdf5/read.h"
#include "container/hdf5/write.h"

namespace ballast::keras_legacy {

inline constexpr std::string_view dialect = "keras_legacy";

/// Whether the root carries the attributes of a legacy file. Also true for files of Keras before 1.0, which
/// lift() refuses by name.
bool recognise(const hdf5::File& file);

/// Index and Model of a file. The layers follow options.config, else the file's own model_config, else
/// layer_names alone. Errors: damaged; ambiguous_mapping when options.config does not fit.
ArchiveContents lift(const hdf5::File& file, const OpenOptions& options);

/// The file a model becomes: weights only, or the whole model where it came whole from this dialect. Needs
/// the order of the layers: needs_config when neither stored keys nor a config give it.
hdf5::Planned lower(const Model& model, std::string file_name, const SaveOptions& options, Report& report);

}  // namespace ballast::keras_legacy
