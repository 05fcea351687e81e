// SPDX-License-Identifier: Apache-2.0
// load_weights(): a file's weights into a program's tensors, all or none of them.
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "ballast/archive.h"
#include "ballast/error.h"
#include "ballast/program_weights.h"
#include "container/json/json.h"
#include "convert/pipeline.h"
#include "convert/scan.h"
#include "core/result.h"
#include "model/cast.h"
#include "model/naming.h"
#include "program/match.h"
#include "program/optimizer.h"

namespace ballast {
namespace {

using Kind = ReportEntry::Kind;
using Places = std::vector<ProgramModel::Place>;

std::shared_ptr<Archive> open_source(const Location& source, const LoadWeightsOptions& options) {
    OpenOptions open_options;
    open_options.format = options.format;
    open_options.limits = options.limits;
    if (!options.config.empty()) {
        open_options.config = json::parse(options.config, options.limits, "LoadWeightsOptions::config");
        open_options.config_path = "LoadWeightsOptions::config";
    }
    auto archive = open(source, open_options);
    if (!archive->problems().empty()) throw Error(archive->problems().front());
    return archive;
}

/// Whether every value of one type is one of the other.
bool is_lossless(DType from, DType to) {
    if (!can_cast(from, to)) return false;
    if (info(from).cls != DTypeClass::floating || info(to).cls != DTypeClass::floating)
        return info(from).cls == info(to).cls;
    if (to == DType::float64) return true;
    return to == DType::float32 && from != DType::float64;
}

TensorExpr cast_to_program(TensorExpr value, const ProgramTensor& tensor, Casts casts) {
    const DType from = value.dtype();
    if (from == tensor.dtype) return value;
    const bool possible = can_cast(from, tensor.dtype);
    if (possible && (casts == Casts::all || (casts == Casts::lossless && is_lossless(from, tensor.dtype))))
        return TensorExpr::cast(std::move(value), tensor.dtype);
    throw Error(ErrorCode::dtype_mismatch, "the file holds " + std::string(to_string(from)) +
                                               ", the program " + std::string(to_string(tensor.dtype)))
        .tensor(tensor.path)
        .hint(possible ? (casts == Casts::none ? "allow LoadWeightsOptions::casts = Casts::lossless or all"
                                               : "allow LoadWeightsOptions::casts = Casts::all, which rounds")
                       : "use the file's element type in the program");
}

void check_fits(const TensorExpr& value, const ProgramTensor& tensor) {
    if (!tensor.stage)
        throw Error(ErrorCode::invalid_argument, "the tensor can only be saved").tensor(tensor.path);
    if (tensor.shape && *tensor.shape != value.shape())
        throw Error(ErrorCode::shape_mismatch, "the file's shape " + value.shape().to_string() +
                                                   " does not fit the program's, " +
                                                   tensor.shape->to_string())
            .tensor(tensor.path);
    if (tensor.shape || !tensor.rank || *tensor.rank == value.shape().rank()) return;
    throw Error(ErrorCode::shape_mismatch, "the file's shape " + value.shape().to_string() +
                                               " does not fit a type of " + std::to_string(*tensor.rank) +
                                               (*tensor.rank == 1 ? " dimension" : " dimensions"))
        .tensor(tensor.path)
        .hint("use ballast::Array, or say its shape in LayerTraits<...>::shape of its struct");
}

/// What the engine writes for a tensor whose first index runs fastest.
TensorExpr in_memory_order(TensorExpr value, const ProgramTensor& tensor) {
    const std::size_t rank = value.shape().rank();
    if (!tensor.column_major || rank < 2) return value;
    std::vector<std::uint32_t> backwards;
    for (std::size_t axis = rank; axis-- > 0;)
        backwards.push_back(static_cast<std::uint32_t>(axis));
    return TensorExpr::transpose(std::move(value), std::move(backwards));
}

/// The new elements of all tensors, made before any is put in place.
class Staging {
public:
    void add(const ProgramTensor& tensor, const TensorExpr& value) {
        auto staged = tensor.stage(value.shape());
        if (staged->bytes().size() != value.byte_count())
            throw Error(ErrorCode::shape_mismatch,
                        "the program's tensor has " + std::to_string(staged->bytes().size()) +
                            " bytes for the file's " + std::to_string(value.byte_count()))
                .tensor(tensor.path);
        staged_.push_back(std::move(staged));
        items_.push_back({in_memory_order(value, tensor)});
    }

    void read(const LoadWeightsOptions& options) {
        const std::vector<ScanBlock> blocks = cut_blocks(items_);
        scan(items_, blocks, {options.threads, options.progress, options.cancel},
             [&](std::size_t number, std::span<const std::span<const std::byte>> bytes) {
                 const ScanBlock& block = blocks[number];
                 const std::size_t element = info(items_[block.item][0].dtype()).bits / 8U;
                 const auto out = staged_[block.item]->bytes();
                 std::memcpy(out.data() + block.first * element, bytes[0].data(), bytes[0].size());
             });
    }

    void commit() noexcept {
        for (const auto& staged : staged_)
            staged->commit();
    }
    std::size_t size() const noexcept { return staged_.size(); }

private:
    std::vector<std::unique_ptr<StagedTensor>> staged_;
    std::vector<ScanItem> items_;
};

/// Whether a value is the program's own still.
bool is_own(const TensorExpr& now, const TensorExpr& before) {
    if (now.empty()) return true;
    const TensorExpr& a = now.is_identity() || now.inputs().empty() ? now : now.inputs().front();
    const TensorExpr& b = before.is_identity() || before.inputs().empty() ? before : before.inputs().front();
    return !before.empty() && a.source() != nullptr && a.source() == b.source();
}

/// One load.
class Load {
public:
    Load(const ProgramModel& program, const LoadWeightsOptions& options,
         ProgramOptimizer* optimizer = nullptr)
        : options_(options), optimizer_(optimizer), before_(program.model(places_)) {}

    LoadReport run(const Location& source) { return run(open_source(source, options_)); }

    LoadReport run(const std::shared_ptr<Archive>& archive) {
        Report& report = result_.report;
        report.source = archive->location().display();
        report.source_format = archive->format().id;
        for (const std::string& warning : archive->warnings())
            report.warn(warning);
        const Model filled = match(*archive);
        note_unused();
        find_skipped(filled);
        Staging staging;
        stage(filled, staging);
        if (optimizer_ != nullptr && archive->model().optimizer)
            stage_optimizer(described(archive->model()), staging);
        staging.read(options_);
        for (const SkippedLayer& skipped : result_.skipped)
            if (options_.on_skip) options_.on_skip(skipped);
        staging.commit();
        if (state_) optimizer_->iteration = state_->iteration;
        if (state_) optimizer_->learning_rate = state_->learning_rate;
        result_.loaded = loaded_.size();
        return std::move(result_);
    }
    /// Whether there was state for the optimizer.
    bool has_state() const noexcept { return state_.has_value(); }

private:
    static const TensorExpr& value_at(const Model& model, const ProgramModel::Place& place) {
        return model.layers[place.layer].weights[place.weight].value;
    }

    Model match(const Archive& archive) {
        try {
            return match_program(archive.model(), before_, options_, result_.report);
        } catch (Error& error) {
            throw std::move(error).in(archive.location().display());
        }
    }

    void note_unused() {
        for (const ReportEntry& entry : result_.report.entries())
            if (entry.kind == Kind::dropped) result_.unused.push_back(entry.from);
    }

    /// A layer is skipped whole, so that its first tensor tells.
    void find_skipped(const Model& filled) {
        const std::vector<std::string> paths = canonical_layer_paths(before_);
        std::optional<LayerId> last;
        for (const ProgramModel::Place& place : places_) {
            if (!is_own(value_at(filled, place), value_at(before_, place)) || last == place.layer) continue;
            last = place.layer;
            result_.skipped.push_back({paths[place.layer], reason(place.layer, filled)});
        }
    }

    std::string reason(LayerId layer, const Model& filled) const {
        const std::string path = canonical_layer_paths(filled)[layer];
        for (const ReportEntry& entry : result_.report.entries())
            if (entry.kind == Kind::warning && entry.to == path) return entry.text;
        return "the file has no values for it";
    }

    void stage(const Model& filled, Staging& staging) {
        for (const ProgramModel::Place& place : places_) {
            const TensorExpr& found = value_at(filled, place);
            if (is_own(found, value_at(before_, place))) continue;
            stage_one(found, *place.tensor, staging);
            loaded_.emplace(origin_of(found), static_cast<std::size_t>(&place - places_.data()));
        }
    }

    void stage_one(const TensorExpr& found, const ProgramTensor& tensor, Staging& staging) {
        check_fits(found, tensor);
        const TensorExpr value = cast_to_program(found, tensor, options_.casts);
        note(found, value, tensor);
        staging.add(tensor, value);
    }

    /// A TensorFlow checkpoint does not tell its optimizer's class; the config that was given may.
    Model described(Model file) const {
        if (!options_.config.empty())
            describe_optimizer(file,
                               json::parse(options_.config, options_.limits,
                                           "LoadWeightsOptions::config")["compile_config"]["optimizer"]);
        return file;
    }

    /// The slots of the weights that are loaded; those of layers that keep theirs stay, too.
    void stage_optimizer(const Model& file, Staging& staging) {
        const std::vector<SlotView> slots = slot_views(*optimizer_, places_);
        const StateLayout layout = state_layout(file, slots.size());
        std::size_t next = 0;
        for (const TensorExpr& weight : layout.trained) {
            const auto place = loaded_.find(origin_of(weight));
            for (const SlotView& slot : slots) {
                const TensorExpr& value = layout.slots[next++];
                if (place != loaded_.end()) stage_one(value, *slot.places[place->second].tensor, staging);
            }
        }
        state_ = Numbers{read_count(layout.iteration), std::nullopt};
        if (layout.learning_rate) state_->learning_rate = read_number(*layout.learning_rate);
    }

    void note(const TensorExpr& found, const TensorExpr& value, const ProgramTensor& tensor) {
        const std::string from = found.is_identity() ? found.source()->stored_name : std::string();
        if (value.dtype() == found.dtype()) {
            result_.report.add(Kind::matched, from, tensor.path);
        } else {
            result_.report.add(
                Kind::cast, from, tensor.path,
                std::string(to_string(found.dtype())) + " to " + std::string(to_string(value.dtype())));
        }
    }

    struct Numbers {
        std::int64_t iteration;
        std::optional<double> learning_rate;
    };

    const LoadWeightsOptions& options_;
    ProgramOptimizer* optimizer_;
    Places places_;
    Model before_;
    std::unordered_map<const TensorInfo*, std::size_t> loaded_;  ///< places by what they are loaded from
    std::optional<Numbers> state_;
    LoadReport result_;
};

}  // namespace

LoadReport load_weights(const ProgramModel& program, const Location& source,
                        const LoadWeightsOptions& options) {
    return Load(program, options).run(source);
}

namespace {

LoadedModel load_whole(const ProgramModel& program, ProgramOptimizer* optimizer, const Location& source,
                       const LoadWeightsOptions& options) {
    const auto archive = open_source(source, options);
    const Model& model = archive->model();
    if (model.config.is_null() && options.config.empty())
        throw Error(ErrorCode::needs_config, "the file holds no architecture")
            .in(source.display())
            .hint("give it as LoadWeightsOptions::config; load_weights() takes files of weights alone");
    LoadedModel result;
    result.config = model.config.is_null() ? options.config : json::write(model.config);
    if (!model.training_config.is_null()) result.training_config = json::write(model.training_config);
    Load load(program, options, optimizer);
    result.weights = load.run(archive);
    result.optimizer = load.has_state();
    return result;
}

}  // namespace

LoadedModel load_model(const ProgramModel& program, const Location& source,
                       const LoadWeightsOptions& options) {
    return load_whole(program, nullptr, source, options);
}

LoadedModel load_model(const ProgramModel& program, ProgramOptimizer& optimizer, const Location& source,
                       const LoadWeightsOptions& options) {
    return load_whole(program, &optimizer, source, options);
}

namespace detail {

Result<LoadReport> try_load_weights(const std::function<ProgramModel()>& model,
                                    const std::filesystem::path& source,
                                    const LoadWeightsOptions& options) noexcept {
    return catching<LoadReport>(
        [&] { return load_weights(model(), Location::for_reading(source), options); });
}

Result<LoadedModel> try_load_model(const std::function<LoadedModel()>& load) noexcept {
    return catching<LoadedModel>(load);
}

}  // namespace detail
}  // namespace ballast
