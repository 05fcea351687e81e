// SPDX-License-Identifier: Apache-2.0
// A legacy file as lists: layers in the order of layer_names, each with its tensors in the order of
// weight_names.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "ballast/error.h"
#include "ballast/index.h"
#include "container/hdf5/read.h"

namespace ballast::keras_legacy {

struct StoredWeight {
    std::string name;  ///< as in weight_names: "conv1/kernel:0"
    TensorInfo tensor;
};

struct StoredLayer {
    std::string name;  ///< as in layer_names
    std::vector<StoredWeight> weights;
};

struct Contents {
    std::vector<StoredLayer> layers;
    std::vector<StoredWeight> top_level;  ///< the model's own variables
    std::vector<StoredWeight> optimizer;
    std::vector<TensorInfo> strays;             ///< datasets no list names
    std::string keras_version, backend;         ///< empty when absent
    std::string model_config, training_config;  ///< JSON texts, empty when absent
    bool whole = false;                         ///< weights lie in /model_weights
    std::vector<std::string> warnings;          ///< datasets that are no tensors, and none of Keras
    std::vector<Error> problems;                ///< tensors that cannot be read as such
};

/// Throws damaged (a name without its dataset, missing lists) or unsupported (Keras before 1.0).
Contents read_contents(const hdf5::File& file);

/// The weight's name without ":0", and without the layer's name where it begins with it.
std::string_view role_path(std::string_view layer_name, std::string_view weight_name);
/// Its last part: "kernel".
std::string_view base_name(std::string_view weight_name);

}  // namespace ballast::keras_legacy
