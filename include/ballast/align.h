// SPDX-License-Identifier: Apache-2.0
// Aligning: filling the layout of one model (a template file, a config, a program's structs) with the weights
// of another.
//
// Pure functions on values; any thread. Values are references to stored tensors: no bytes are read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/export.h"
#include "ballast/model.h"
#include "ballast/report.h"

namespace ballast {

/// How tensors find their place.
enum class MatchBy : std::uint8_t {
    automatic,  ///< by path; the rest by layer name; the rest by shape where only one assignment fits
    path,       ///< by canonical (or stored) name alone
    name,       ///< by the layer's own name and the role, wherever the layer stands
    order,      ///< the n-th layer with weights is the n-th layer with weights, as Keras' legacy files do
};

/// One line `old -> new` of a map: each `*` of `from` matches any text and is `$1`, `$2`, … in `to`.
struct MapRule {
    /// `from`: a whole stored or canonical name, with up to nine stars, each for any text, '/' too. `to`: the
    /// name in the target.
    ///@{
    std::string from, to;
    ///@}
};

/// What align() may do to make two models fit.
struct AlignOptions {
    MatchBy match = MatchBy::automatic;  ///< of what the map leaves open
    std::vector<MapRule>
        map;  ///< new names for source tensors (stored or canonical); the first that fits counts
    /// A layer whose shapes differ, or that the source has no values for, keeps the template's values (as
    /// Keras' skip_mismatch keeps the model's); tensors without a place are left behind. All of it is
    /// reported.
    bool skip_mismatch = false;
};

/// The rules in a text: one a line, empty lines and lines that start with '#' apart. invalid_argument with
/// the line's number. `where` names the file.
BALLAST_API std::vector<MapRule> parse_map(std::string_view text, std::string_view where);

/// `target` with the values of `source`: its layers, keys, order and config are kept, its own values
/// replaced. Its values may be empty (a skeleton made from a config): then shapes are not compared. Errors:
/// ambiguous_mapping when a place has no value or more than one may be meant, shape_mismatch, name_not_found
/// for a rule that leads nowhere. A tensor without a place is a `dropped` entry that counts as loss.
BALLAST_API Model align(const Model& source, Model target, const AlignOptions& options, Report& report);

/// All weights and loose tensors of a model as loose tensors, renamed by the rules; what else the model holds
/// is left behind. For formats without layers. ambiguous_mapping when two tensors get one name.
BALLAST_API Model renamed_tensors(const Model& source, const std::vector<MapRule>& map, Report& report);

}  // namespace ballast
