// SPDX-License-Identifier: Apache-2.0
// What lies in a SavedModel's folder besides the variables. Values; one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ballast/index.h"
#include "ballast/io.h"
#include "ballast/limits.h"
#include "ballast/tree.h"
#include "container/proto/saved_model.h"

namespace ballast::saved_model {

inline constexpr std::string_view graph_file = "saved_model.pb", text_file = "saved_model.pbtxt",
                                  keras_file = "keras_metadata.pb", variables_prefix = "variables/variables",
                                  assets_folder = "assets";

struct Folder {
    proto::SavedModel graph;
    Tree root;  ///< Keras 2's metadata of the model: class_name, config, training_config; null when there is
                ///< none
    std::vector<proto::UserObject> users;  ///< what Keras 2 says of each of its objects
    std::vector<Blob> assets;
};

/// A whole file of the folder. Errors: limit_exceeded above Limits::metadata_bytes, as of reading files.
std::string content(const io::Fs& fs, std::string_view name, const Limits& limits);

/// Errors: damaged, limit_exceeded, as of reading files.
Folder read_folder(const io::Fs& fs, const Limits& limits);

/// {"class_name", "config"} as model.to_json() has it; null where the metadata tell no architecture.
Tree model_config(const Tree& root);

/// What `inspect` shows: kind, tags, version, signatures, counts.
Tree described(const Folder& folder);

}  // namespace ballast::saved_model
