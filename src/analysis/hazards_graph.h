// SPDX-License-Identifier: Apache-2.0
// Judging the operations of a SavedModel. Pure functions.
#pragma once

#include <string_view>
#include <vector>

#include "ballast/hazards.h"

namespace ballast {

enum class GraphFile : std::uint8_t { saved_model, frozen };

/// Appends what is found in the bytes of a saved_model.pb, or of a file that is one graph; one entry a kind
/// of operation and function. Errors: as of proto::for_each_node.
void judge_graph(GraphFile kind, std::string_view bytes, std::string_view where, const Limits& limits,
                 std::vector<Hazard>& found);

}  // namespace ballast
