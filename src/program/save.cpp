// SPDX-License-Identifier: Apache-2.0
// save_weights(): a program's tensors through the plan and the engine that every save takes.
#include <string>
#include <utility>

#include "ballast/convert.h"
#include "ballast/error.h"
#include "ballast/program_weights.h"
#include "container/json/json.h"
#include "convert/generation.h"
#include "convert/modernise.h"
#include "convert/target.h"
#include "core/result.h"
#include "model/config.h"
#include "program/architecture.h"
#include "program/legacy_view.h"
#include "program/optimizer.h"

namespace ballast {
namespace {

void check_built(const std::vector<ProgramModel::Place>& places, const Model& model) {
    for (const ProgramModel::Place& place : places) {
        if (!model.layers[place.layer].weights[place.weight].value.empty()) continue;
        throw Error(ErrorCode::invalid_argument, "the tensor has no shape yet")
            .tensor(place.tensor->path)
            .hint("give every tensor its shape before saving, or leave the layer out of the struct");
    }
}

/// A shape given by a trait must be that of the elements there are.
void check_elements(const std::vector<ProgramModel::Place>& places) {
    for (const ProgramModel::Place& place : places) {
        const ProgramTensor& tensor = *place.tensor;
        const std::uint64_t wanted = tensor.shape->element_count();
        if (!tensor.elements || *tensor.elements == wanted) continue;
        throw Error(ErrorCode::shape_mismatch, "the shape " + tensor.shape->to_string() + " asks for " +
                                                   std::to_string(wanted) + " elements, and there are " +
                                                   std::to_string(*tensor.elements))
            .tensor(tensor.path)
            .hint("correct LayerTraits<...>::shape of its struct");
    }
}

SaveOptions save_options(const SaveWeightsOptions& options) {
    SaveOptions save;
    save.flavor = options.flavor;
    save.weights_only = true;
    save.include_optimizer = options.include_optimizer;
    save.names = options.names;
    save.max_shard_size = options.max_shard_size.count;
    save.compression = options.compression;
    return save;
}

WriteOptions write_options(const SaveWeightsOptions& options) {
    WriteOptions write;
    write.overwrite = options.overwrite.overwrite();
    write.ask = options.overwrite.ask();
    write.durable = options.durable;
    write.threads = options.threads;
    write.progress = options.progress;
    write.cancel = options.cancel;
    return write;
}

/// The program's graph, all of it built.
Model built_model(const ProgramModel& program, ProgramPlaces& places) {
    Model model = program.model(places);
    check_built(places, model);
    check_elements(places);
    return model;
}

}  // namespace

Model model_of(const ProgramModel& program) {
    ProgramPlaces places;
    return built_model(program, places);
}

Report save_weights(const ProgramModel& program, const Location& target, const SaveWeightsOptions& options) {
    Report report;
    Location destination = target;
    const Format& format = target_format(options.format, options.max_shard_size.count, destination, report);
    const SaveOptions save_as = save_options(options);
    check_compression(format.info(), save_as, report);
    Model model = model_of(program);
    if (!options.config.empty()) {
        model = with_architecture(std::move(model), json::parse(options.config, {}, "the config"), report);
    } else if (format.info().id == "legacy_h5") {
        model = legacy_view(model, options.flavor == "keras3");
    }
    save(model, format, destination, save_as, write_options(options), report);
    return report;
}

namespace {

/// Whether Keras 3 is to go on with an optimizer's state, else tf_keras.
bool reads_keras3(const Model& model, const FormatInfo& info, const SaveOptions& save) {
    if (wants_keras3(info, save) || save.flavor == "keras3") return true;
    if (wants_keras2(info, save) || save.flavor == "tf_keras" || info.kind == Location::Kind::prefix)
        return false;
    return config_framework(model.config) == layout::Framework::keras3;
}

Report save_whole(const ProgramModel& program, const ProgramOptimizer* optimizer, std::string_view config,
                  const Location& target, const SaveWeightsOptions& options) {
    Report report;
    Location destination = target;
    const Format& format = target_format(options.format, options.max_shard_size.count, destination, report);
    const FormatInfo& info = format.info();
    const bool with_state = optimizer != nullptr && options.include_optimizer;
    if (!info.can.config && !(with_state && info.can.optimizer))
        throw Error(ErrorCode::invalid_argument,
                    "the format " + std::string(info.id) + " holds no architecture")
            .in(destination.display())
            .hint("save to a .keras or .h5, or use save_weights()");
    if (!info.can.config) report.note("the format holds no architecture: its readers have to be given it");
    SaveOptions save_as = save_options(options);
    save_as.weights_only = false;
    check_compression(info, save_as, report);
    ProgramPlaces places;
    const Model built = built_model(program, places);
    Model model = with_architecture(built, json::parse(config, {}, "the config"), report);
    if (!options.training_config.empty())
        model.training_config = json::parse(options.training_config, {}, "the training config");
    if (wants_keras3(info, save_as)) model = modernised(std::move(model), report);
    if (wants_keras2(info, save_as)) model = for_tf_keras(std::move(model), report);
    if (with_state) add_optimizer(model, built, places, *optimizer, reads_keras3(model, info, save_as));
    save(model, format, destination, save_as, write_options(options), report);
    return report;
}

}  // namespace

Report save_model(const ProgramModel& program, std::string_view config, const Location& target,
                  const SaveWeightsOptions& options) {
    return save_whole(program, nullptr, config, target, options);
}

Report save_model(const ProgramModel& program, const ProgramOptimizer& optimizer, std::string_view config,
                  const Location& target, const SaveWeightsOptions& options) {
    return save_whole(program, &optimizer, config, target, options);
}

namespace detail {

Result<Report> try_save_weights(const std::function<ProgramModel()>& model,
                                const std::filesystem::path& target,
                                const SaveWeightsOptions& options) noexcept {
    return catching<Report>([&] { return save_weights(model(), Location::for_writing(target), options); });
}

Result<Report> try_save_model(const std::function<Report()>& save) noexcept {
    return catching<Report>(save);
}

}  // namespace detail
}  // namespace ballast
