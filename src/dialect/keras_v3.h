// SPDX-License-Identifier: Apache-2.0
// The Keras 3 layout of weights in HDF5 (`.weights.h5`, shards, the member of `.keras`): paths such as
// layers/dense_1/vars/0. Source: spec/keras-hdf5.md §1, observed on Keras 3.15.1 and tf_keras 2.21.0.
//
// Pure functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/archive.h"
#include "ballast/plan.h"
#include "container/hdf5/read.h"
#include "dialect/keras_v3_output.h"

namespace ballast::keras_v3 {

inline constexpr std::string_view dialect = "keras_v3";

/// What is known of a file that is a part of something larger (a member of a .keras).
struct Surroundings {
    std::optional<layout::Framework> writer;  ///< else it is found out from the file
    std::vector<Blob> assets;                 ///< what lies beside it
};

/// Whether the tree has the layout: a `vars` group at the root or below, and no legacy attributes.
bool recognise(const hdf5::File& file);

/// Index and Model of a file. With options.config the layers get classes, roles and order from it; without,
/// names come from the `name` attributes and roles from the keys. Errors: ambiguous_mapping when the config
/// does not fit the file.
ArchiveContents lift(const hdf5::File& file, const OpenOptions& options, Surroundings around = {});

/// The file a model becomes. Uses stored keys where the model came from this dialect, else classes;
/// needs_config when it has neither.
hdf5::Planned lower(const Model& model, std::string file_name, const SaveOptions& options, Report& report);

/// The same spread over files by a rule; the caller names and plans them, and reports what becomes of the
/// config and the assets.
Output lower_to(const ShardRule& rule, const Model& model, const SaveOptions& options, Report& report);

}  // namespace ballast::keras_v3
