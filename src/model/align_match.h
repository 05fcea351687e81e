// SPDX-License-Identifier: Apache-2.0
// Which source item goes to which target item.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "ballast/align.h"
#include "model/align_items.h"

namespace ballast {

inline constexpr std::size_t no_item = static_cast<std::size_t>(-1);

struct Matching {
    std::vector<std::size_t> source_of;  ///< by target item; no_item when it has none
    std::vector<std::size_t> target_of;  ///< by source item
    std::vector<std::string> notes;      ///< places found by shape alone, in words
};

/// Throws ambiguous_mapping, name_not_found (a rule that leads nowhere); shapes are not compared but where
/// they decide.
Matching match_items(const AlignSide& source, const AlignSide& target, MatchBy match);

}  // namespace ballast
