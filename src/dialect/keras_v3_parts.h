// SPDX-License-Identifier: Apache-2.0
// The steps of lifting the Keras 3 layout: layers (by keys, or along a config), then optimizer and metric
// state.
#pragma once

#include <string>
#include <string_view>

#include "ballast/options.h"
#include "container/hdf5/read.h"
#include "dialect/lifting.h"
#include "model/layout.h"

namespace ballast::keras_v3 {

inline constexpr std::string_view optimizer_group = "optimizer";
inline constexpr std::string_view metrics_group = "metrics";
/// Where Optimizer::config keeps the names of the optimizer's groups: {path below `optimizer`: name or null}.
inline constexpr std::string_view group_names_key = "v3_group_names";

/// Groups of the root that are no layers: "optimizer", "metrics".
inline bool is_root_part(std::string_view name) {
    return name == optimizer_group || name == metrics_group;
}

/// Whether a group keeps an optimizer's or metrics' state: at the root, or in a model within the model that
/// was compiled by itself.
bool is_state_group(const hdf5::File& file, hdf5::ObjectId group);
/// Whether the group or one around it does.
bool is_within_state(const hdf5::File& file, hdf5::ObjectId group);

/// "keras3" or "tf_keras", by the `name` attributes (Keras 3 since 3.6) or the optimizer's learning rate
/// (Keras 3).
layout::Framework framework_of(const hdf5::File& file);

void lift_by_keys(const hdf5::File& file, Lifting& lifting, layout::Framework framework);
/// The same below one layer's group, for a layer whose class says nothing about what it holds.
void lift_below(const hdf5::File& file, Lifting& lifting, layout::Framework framework, hdf5::ObjectId group,
                LayerId layer);
/// Throws ambiguous_mapping, naming the first layer that does not fit.
void lift_by_config(const hdf5::File& file, Lifting& lifting, layout::Framework framework,
                    const OpenOptions& options);
void lift_optimizer(const hdf5::File& file, Lifting& lifting, layout::Framework framework);
void lift_metrics(const hdf5::File& file, Lifting& lifting);
/// What models within the model keep of their own training, as loose tensors.
void lift_inner_state(const hdf5::File& file, Lifting& lifting);

}  // namespace ballast::keras_v3
