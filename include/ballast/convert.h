// SPDX-License-Identifier: Apache-2.0
// Converting a file into another format, and saving a Model: the one path
// open -> lift -> (config) -> lower -> plan -> transfer -> finish -> commit -> report.
//
// Either everything succeeds or the destination is as it was. One operation runs on the calling thread and
// its own workers; different operations may run at once on different threads.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ballast/align.h"
#include "ballast/archive.h"
#include "ballast/error.h"
#include "ballast/export.h"
#include "ballast/flatten.h"
#include "ballast/options.h"
#include "ballast/report.h"

namespace ballast {

/// How to read, fit and write. An empty one converts as it is, refusing what loses something.
struct ConvertOptions {
    std::string to;      ///< format id or alias; empty = by the destination's suffix
    OpenOptions open;    ///< for the source
    SaveOptions save;    ///< flavour, shards, compression: what the format is asked for
    WriteOptions write;  ///< overwriting, threads, callbacks
    std::optional<std::filesystem::path>
        config;  ///< where the architecture is: a JSON of model.to_json(), any file with a config
    /// A file of the target model: its layers, keys and order are kept and filled with the source's weights.
    std::optional<std::filesystem::path> like;
    /// How the weights find their place in `like`, or in `config` for a source without layers. A map without
    /// either renames the tensors of formats without layers.
    AlignOptions align;
    /// "theano": convolution kernels are mirrored, which a file does not always tell. "" and "tensorflow":
    /// not.
    std::string from_backend;
    /// Dense layers behind a Flatten whose kernels are brought to the other data format.
    std::vector<FlattenOrder> flatten_orders;
    std::vector<std::string> include;  ///< globs of tensors to keep; empty = all
    std::vector<std::string> exclude;  ///< globs of tensors to leave out, also of those in `include`
    /// Casts floating-point weights (not optimizer or metric state) to float16, bfloat16, float32 or float64,
    /// rounded to nearest, ties to even. What becomes infinite is a warning in the report.
    std::optional<DType> dtype;
    /// Leaves the optimizer's slots behind (the momentum of each weight …), while the count of its steps and
    /// its learning rate go along. Into a TensorFlow checkpoint; other formats are unsupported, since Keras
    /// takes an optimizer's variables all or not at all.
    bool skip_slot_variables = false;
    std::vector<std::string> allow_loss;  ///< "weights", "assets", "precision", "all"
    bool dry_run = false;                 ///< do everything but write
    bool no_clobber = false;  ///< an existing destination is left alone, with a note in the report
};

/// Converts `source` into `destination`; the report says what became of every tensor. Errors: as of open(),
/// needs_config, unsupported_dtype, name_not_found for a glob that matches nothing, ambiguous_mapping and
/// shape_mismatch as of align(), lossy unless allow_loss permits it, and as of writing: exists, no_space, ….
BALLAST_API Report convert(const Location& source, const Location& destination,
                           const ConvertOptions& options = {});
/// The same for local paths. A destination that ends in '/' stands for a folder.
BALLAST_API Report convert(const std::filesystem::path& source, const std::filesystem::path& destination,
                           const ConvertOptions& options = {});
/// convert() without exceptions.
BALLAST_API Result<Report> try_convert(const std::filesystem::path& source,
                                       const std::filesystem::path& destination,
                                       const ConvertOptions& options = {}) noexcept;

/// Writes a model in one format. `report` collects what the format does not hold; losses are no error here.
/// Errors: unsupported_dtype, needs_config, and as of writing: exists, symlink_refused, not_atomic,
/// write_failed, no_space, cancelled.
BALLAST_API void save(const Model& model, const Format& format, const Location& destination,
                      const SaveOptions& save, const WriteOptions& write, Report& report);

}  // namespace ballast
