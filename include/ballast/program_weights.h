// SPDX-License-Identifier: Apache-2.0
// Saving and loading a ProgramModel, and the options that structs share with it. See weights.h.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "ballast/bytes.h"
#include "ballast/error.h"
#include "ballast/export.h"
#include "ballast/io.h"
#include "ballast/options.h"
#include "ballast/program_model.h"
#include "ballast/report.h"

namespace ballast {

/// Whether a file that is there may be replaced: false (the default), true, or a callback that is asked with
/// its path.
class OverwriteRule {
public:
    /// Yes or no.
    OverwriteRule(bool allowed = false)  // NOLINT: implicit on purpose
        : overwrite_(allowed ? Overwrite::allow : Overwrite::refuse) {}
    /// Asked on the calling thread, with the path as messages show it; true = replace it.
    template <class Ask>
    requires(std::is_invocable_r_v<bool, Ask, const std::string&>) OverwriteRule(Ask ask)
        : overwrite_(Overwrite::ask), ask_(std::move(ask)) {}  // NOLINT: implicit on purpose

    /// What WriteOptions::overwrite is to be.
    Overwrite overwrite() const noexcept { return overwrite_; }
    /// What WriteOptions::ask is to be; empty unless made of a callback.
    const std::function<bool(const std::string& path)>& ask() const noexcept { return ask_; }

private:
    Overwrite overwrite_;
    std::function<bool(const std::string& path)> ask_;
};

/// How weights are saved. The defaults write one new file, in the format that its name tells.
struct SaveWeightsOptions {
    std::string format{};       ///< an id or alias; empty = by the name's suffix
    std::string flavor{};       ///< "keras3", "tf_keras"; empty = the format's usual one
    OverwriteRule overwrite{};  ///< false, true, or a callback
    Bytes max_shard_size{};     ///< most bytes of a file of a set, such as 2_GB; 0 = one file
    Compression compression{};  ///< of HDF5, or none
    /// The architecture as JSON text (model.to_json()), for formats that ask for it: TensorFlow checkpoints.
    std::string config{};
    /// For save_model(): the training config as JSON text (LoadedModel::training_config) beside a config that
    /// does not hold it: Keras 2's, and those out of an .h5.
    std::string training_config{};
    Names names = Names::canonical;  ///< of tensors in formats without layers
    bool include_optimizer = true;   ///< false: save_model() leaves out the optimizer it is given
    bool durable = true;             ///< survives power loss once the call is back
    unsigned threads = 0;            ///< 0 = one a processor, at most 8
    ProgressCallback progress{};     ///< decoded bytes written; on the calling thread
    CancelCallback cancel{};         ///< then nothing has changed
};

/// How tensors of the file find their place in the program.
enum class MatchWeights : std::uint8_t {
    automatic,  ///< as Keras does by the paths of its files; else by names; else by shapes where only one
                ///< assignment fits. Stops where paths and names disagree.
    keys,       ///< by the paths of Keras 3's layout alone, whatever layers are named
    names,      ///< by the layers' names and the variables', as Keras' by_name does
    order,      ///< the n-th variable of the file is the n-th of the program, as in Keras' legacy files
};

/// Which differences in element type are bridged. What a cast does to each tensor is in the report.
enum class Casts : std::uint8_t {
    none,      ///< every difference is dtype_mismatch
    lossless,  ///< float16 or bfloat16 to float32, float32 to float64, …
    all,       ///< also those that round
};

/// A layer that keeps its weights.
struct SkippedLayer {
    std::string layer;   ///< its path in the program's model: "encoder/norm"
    std::string reason;  ///< one sentence
};

/// How weights are loaded. The defaults take what fits wholly and without doubt.
struct LoadWeightsOptions {
    std::string format{};                          ///< an id or alias; empty = by the content
    MatchWeights match = MatchWeights::automatic;  ///< what tells which tensor is which
    /// A layer whose shapes differ, or that the file has no values for, keeps what it has, whole.
    bool skip_mismatch = false;
    /// Called for each such layer, before anything changes.
    std::function<void(const SkippedLayer&)> on_skip{};
    Casts casts = Casts::lossless;  ///< beyond it dtype_mismatch
    /// The architecture as JSON text (model.to_json()), for files whose own names do not say enough.
    std::string config{};
    Limits limits{};              ///< what the file may make us do
    unsigned threads = 0;         ///< 0 = one a processor, at most 8
    ProgressCallback progress{};  ///< bytes in the program's types; on the calling thread
    CancelCallback cancel{};      ///< then nothing has changed
};

/// What a load did.
struct LoadReport {
    std::size_t loaded = 0;             ///< tensors that have new values
    std::vector<SkippedLayer> skipped;  ///< layers that kept theirs
    std::vector<std::string>
        unused;     ///< stored names of weights in the file that the program has no place for
    Report report;  ///< tensor by tensor
};

/// One slot of an optimizer, as "momentum" is: a tensor for each tensor of the program's model.
struct ProgramSlot {
    std::string name;      ///< for messages
    ProgramModel tensors;  ///< described as the model is; only those of trained weights are used
};

/// The state of the program's optimizer: slots in the order of Keras 3, whatever file it is of. Slots refer
/// to the program's memory.
struct ProgramOptimizer {
    std::int64_t iteration = 0;             ///< steps done
    std::optional<double> learning_rate{};  ///< nothing for a schedule, which is no state
    std::vector<ProgramSlot> slots{};       ///< those of a weight follow one another, in this order
};

/// What load_model() found besides the weights.
struct LoadedModel {
    LoadReport weights;           ///< as of load_weights()
    std::string config;           ///< the architecture as JSON text, as its framework wrote it
    std::string training_config;  ///< likewise; empty when there is none
    bool optimizer = false;       ///< the optimizer that was given has the file's state
};

/// Saves the weights of a model that was described by hand. Errors: exists, invalid_argument for a tensor
/// without a shape and for a name that tells no format, shape_mismatch, and as of save().
BALLAST_API Report save_weights(const ProgramModel& model, const Location& target,
                                const SaveWeightsOptions& options = {});
/// Loads into the memory the model refers to, all of it or, on an error, none. Errors: as of open();
/// shape_mismatch, dtype_mismatch, ambiguous_mapping, needs_config, and the first problem of the file.
BALLAST_API LoadReport load_weights(const ProgramModel& model, const Location& source,
                                    const LoadWeightsOptions& options = {});

/// The graph that save_weights() writes, with the program's memory as values. Errors: invalid_argument for a
/// tensor without a shape, shape_mismatch.
BALLAST_API Model model_of(const ProgramModel& model);

/// save_weights() with the architecture: `config` is a JSON text as model.to_json() gives it, and the
/// program's weights take their places in it. Errors: also those of a text that is no config, and
/// ambiguous_mapping or shape_mismatch where the program's layers are not the config's.
BALLAST_API Report save_model(const ProgramModel& model, std::string_view config, const Location& target,
                              const SaveWeightsOptions& options = {});
/// load_weights() from a whole model, whose architecture it hands back, LoadWeightsOptions::config where the
/// file holds none. Errors: also needs_config when there is neither; then nothing has changed.
BALLAST_API LoadedModel load_model(const ProgramModel& model, const Location& source,
                                   const LoadWeightsOptions& options = {});

/// save_model() with an optimizer's state, in the order of the framework that the file is for, whose next
/// training step goes on with it; `config`, or SaveWeightsOptions::training_config, must tell what the model
/// is compiled with. Formats of weights with a place for the state (TensorFlow checkpoints) are taken, too;
/// they leave the architecture out. Errors: also invalid_argument for a model that is not compiled,
/// unsupported for an optimizer that the framework does not have in this way, shape_mismatch for slots that
/// are not described as the model is.
BALLAST_API Report save_model(const ProgramModel& model, const ProgramOptimizer& optimizer,
                              std::string_view config, const Location& target,
                              const SaveWeightsOptions& options = {});
/// load_model() that also fills the slots and sets the optimizer's numbers, all or nothing; of a file without
/// state it leaves them. A file without an architecture needs LoadWeightsOptions::config. Errors: also
/// unsupported for state that no rule brings to Keras 3's order, shape_mismatch for another number of slots.
BALLAST_API LoadedModel load_model(const ProgramModel& model, ProgramOptimizer& optimizer,
                                   const Location& source, const LoadWeightsOptions& options = {});

namespace detail {

BALLAST_API Result<Report> try_save_weights(const std::function<ProgramModel()>& model,
                                            const std::filesystem::path& target,
                                            const SaveWeightsOptions& options) noexcept;
BALLAST_API Result<LoadReport> try_load_weights(const std::function<ProgramModel()>& model,
                                                const std::filesystem::path& source,
                                                const LoadWeightsOptions& options) noexcept;
BALLAST_API Result<Report> try_save_model(const std::function<Report()>& save) noexcept;
BALLAST_API Result<LoadedModel> try_load_model(const std::function<LoadedModel()>& load) noexcept;

}  // namespace detail
}  // namespace ballast
