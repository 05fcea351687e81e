// SPDX-License-Identifier: Apache-2.0
// edit: renaming, replacing and deleting tensors of a file, in its own format and flavour.
//
//   ballast::edit("model.weights.h5", "model.weights.h5", {ballast::Edit::remove("old_head/**")});
//
// Everything else stays: other tensors bit for bit, names, order, configs, metadata. The file is written anew
// and put in place in one step, so source and destination may be the same; storage (chunks, compression) is
// what the format's writer makes of it. What the format cannot hold any more is an error, not a loss.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

#include "ballast/export.h"
#include "ballast/io.h"
#include "ballast/model.h"
#include "ballast/options.h"
#include "ballast/report.h"

namespace ballast {

/// One change. Names are looked up as everywhere: stored names first, then canonical ones.
struct Edit {
    /// What happens to the tensors of that name.
    enum class Kind : std::uint8_t {
        rename,  ///< a tensor, or a group or layer with all below it
        set,     ///< other elements for a tensor, of its dtype and shape
        remove,  ///< all tensors that match a glob
    };
    Kind kind = Kind::remove;  ///< tells which of the others are used
    std::string name;          ///< of `remove` a glob
    std::string new_name;      ///< of `rename`
    TensorExpr value;          ///< of `set`, as read_npy() gives it

    /// `from` names a tensor, a group or a layer; `to` is its whole new name.
    static Edit rename(std::string from, std::string to) {
        return {Kind::rename, std::move(from), std::move(to), {}};
    }
    /// `value` must have the shape and dtype of the tensor; the float8 types and opaque8 pass for one
    /// another.
    static Edit set(std::string name, TensorExpr value) {
        return {Kind::set, std::move(name), {}, std::move(value)};
    }
    /// Everything whose stored or canonical name matches; see glob_match().
    static Edit remove(std::string glob) { return {Kind::remove, std::move(glob), {}, {}}; }
};

/// How to read the source and write the result.
struct EditOptions {
    OpenOptions open;      ///< for the source; a config here names its layers
    WriteOptions write;    ///< overwrite = allow is needed to edit a file in place
    bool dry_run = false;  ///< do everything but write
};

/// What edit() did.
struct EditResult {
    /// How many tensors; a renamed group counts all below it.
    ///@{
    std::size_t renamed = 0, set = 0, removed = 0;
    ///@}
    Report report;  ///< of the file that was written; what was removed has no entry
};

/// Applies the edits in order. A rename is of stored names (the new name stays in the same group where the
/// format has groups), or of a layer by its canonical path. Errors: name_not_found, ambiguous_name,
/// invalid_argument, shape_mismatch, dtype_mismatch, lossy, unsupported, and as of open() and save().
BALLAST_API EditResult edit(const Location& source, const Location& destination, std::span<const Edit> edits,
                            const EditOptions& options = {});
/// The same for local paths.
BALLAST_API EditResult edit(const std::filesystem::path& source, const std::filesystem::path& destination,
                            std::span<const Edit> edits, const EditOptions& options = {});

}  // namespace ballast
