// SPDX-License-Identifier: Apache-2.0
// Judging the operations of a SavedModel. Pure functions.
#pragma once

#include <string_view>
#include <vector>

#include "ballast/hazards.h"

namespace ballast {

/// Appends what is found in the bytes of a saved_model.pb; one entry a kind of operation and function.
/// Errors: as of proto::for_each_node.
void judge_graph(std::string_view saved_model, std::string_view where, const Limits& limits,
                 std::vector<Hazard>& found);

}  // namespace ballast
