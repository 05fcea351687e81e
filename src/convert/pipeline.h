// SPDX-License-Identifier: Apache-2.0
// The steps of a conversion that stand between lifting and lowering. Pure functions on the model; one thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/convert.h"
#include "ballast/error.h"
#include "ballast/format.h"
#include "ballast/model.h"
#include "ballast/report.h"

namespace ballast {

/// The architecture in a JSON file (model.to_json()), or in any file that holds one. Sets options.config and
/// its path. Errors: needs_config when the file holds none, else as of open().
/// Returns the optimizer's node of a whole model's training config; null when there is none.
Tree read_config(const std::filesystem::path& path, OpenOptions& options);

/// Takes class and config of the optimizer from its node where the source holds only its variables.
void describe_optimizer(Model& model, const Tree& node);

/// Every place of the model that holds a value, with the canonical name it has.
struct ValuePlace {
    std::string name;
    TensorExpr* value;
};
std::vector<ValuePlace> value_places(Model& model);

/// Empties the values that the globs leave out, with a `skipped` entry each. A glob matches the stored or the
/// canonical name of a tensor; one that matches nothing is name_not_found. Then throws the first of
/// `problems` (parts of the source that cannot be converted), but for those of single tensors without layers,
/// which the globs may leave out too.
void select_values(Model& model, const std::vector<std::string>& include,
                   const std::vector<std::string>& exclude, const std::vector<Error>& problems,
                   Report& report);

/// The model in the layout the options ask for: of the template, of a config the source's format does not use
/// itself, or renamed by the map alone; else as it is. `open` is what the archive was opened with.
Model fit(const Archive& archive, Model model, const ConvertOptions& options, const OpenOptions& open,
          Report& report);

/// Throws unsupported_dtype when the format's flavour cannot hold a weight's type.
void check_dtypes(Model& model, const Format& format, const SaveOptions& options);

/// Throws internal when a value of the model is neither written nor reported: what nobody mentions must not
/// get lost.
void check_complete(Model& model, const Report& report);

/// Whether one of `kinds` accepts that losses of this kind happen: "weights", "assets", "precision".
bool allowed(const std::vector<std::string>& kinds, std::string_view kind);

/// Throws lossy when the report says that something is lost and it is not allowed ("weights", "assets",
/// "precision", "all").
void check_losses(const Model& model, const Report& report, const std::vector<std::string>& allowed);

/// A small text file a user names (a map), whole; limit_exceeded above Limits::json_bytes.
std::string read_text(const Location& source, const Limits& limits);

/// Writes a small file of our own (a report) as every other: atomically.
void write_text(const Location& destination, std::string_view text, const WriteOptions& options);

}  // namespace ballast
