// SPDX-License-Identifier: Apache-2.0
// The weights of plain structs, to and from files of every format.
//
//   struct Dense { ballast::Array<float> kernel{}, bias{}; };
//   struct Net   { Dense hidden{}, head{}; };
//
//   ballast::save_weights(net, "net.weights.h5", {.overwrite = true});   // Keras 3 opens it
//   ballast::LoadReport report = ballast::load_weights(net, "net.weights.h5");
//
// What the types say is described in layer_traits.h and tensor_traits.h. A save leaves the old file or the
// new one; a load changes all of the struct that it is to change, or nothing. The struct must not change
// while it is saved or loaded; different structs may be saved and loaded at once on different threads.
// Callbacks come on the calling thread.
//
// Needs Boost.PFR 1.84 or newer (structs only: a ProgramModel does without, see program_weights.h).
#pragma once

#include "ballast/program_weights.h"
#include "ballast/struct_walk.h"

namespace ballast {

/// Saves the weights of `net`. Errors: exists, invalid_argument for a tensor without a shape, and as of
/// save().
template <class Net>
Report save_weights(const Net& net, const Location& target, const SaveWeightsOptions& options = {}) {
    return save_weights(detail::program_model(net), target, options);
}
/// The same for a local path.
template <class Net>
Report save_weights(const Net& net, const std::filesystem::path& target,
                    const SaveWeightsOptions& options = {}) {
    return save_weights(net, Location::for_writing(target), options);
}
/// The same without exceptions.
template <class Net>
Result<Report> try_save_weights(const Net& net, const std::filesystem::path& target,
                                const SaveWeightsOptions& options = {}) noexcept {
    return detail::try_save_weights([&net] { return detail::program_model(net); }, target, options);
}

/// Loads weights into `net`. Errors: as of open(); shape_mismatch, dtype_mismatch, ambiguous_mapping when a
/// tensor of the struct finds none in the file, or more than one. On an error nothing of `net` has changed.
template <class Net>
LoadReport load_weights(Net& net, const Location& source, const LoadWeightsOptions& options = {}) {
    return load_weights(detail::program_model(net), source, options);
}
/// The same for a local path.
template <class Net>
LoadReport load_weights(Net& net, const std::filesystem::path& source,
                        const LoadWeightsOptions& options = {}) {
    return load_weights(net, Location::for_reading(source), options);
}
/// The same without exceptions.
template <class Net>
Result<LoadReport> try_load_weights(Net& net, const std::filesystem::path& source,
                                    const LoadWeightsOptions& options = {}) noexcept {
    return detail::try_load_weights([&net] { return detail::program_model(net); }, source, options);
}

/// Saves the weights together with an architecture, into a .keras or a whole .h5: `config` is the JSON text
/// of model.to_json() of the model in Keras that has these layers. Errors: as of save_weights(), and those of
/// a config that does not fit.
template <class Net>
Report save_model(const Net& net, std::string_view config, const std::filesystem::path& target,
                  const SaveWeightsOptions& options = {}) {
    return save_model(detail::program_model(net), config, Location::for_writing(target), options);
}
/// Loads the weights of a whole model and hands its architecture back. Errors: as of load_weights(), and
/// needs_config when the file holds no architecture; then nothing has changed.
template <class Net>
LoadedModel load_model(Net& net, const std::filesystem::path& source,
                       const LoadWeightsOptions& options = {}) {
    return load_model(detail::program_model(net), Location::for_reading(source), options);
}

/// Structs that may be optimizers: see save_model().
template <class T>
concept OptimizerStruct = std::is_class_v<T> && std::is_aggregate_v<T> && !TensorLike<T>;

/// save_model() with the state of the optimizer, with which the file's framework goes on: a plain struct with
/// a field of the net's own type for each slot, in Keras' order, the number of steps and the learning rate.
/// Other numbers are settings, which the config tells.
///
///   struct Adam { std::int64_t iteration = 0; float learning_rate = 0.001f; Net momentum{}, velocity{}; };
///
/// `config` must be of a compiled model, or SaveWeightsOptions::training_config go with it. `target` may be
/// of any format that holds such state: .keras and .h5 of Keras 3 and of tf_keras, a SavedModel, a TensorFlow
/// checkpoint. Optimizers are Adadelta, Adagrad, Adam, AdamW, Adamax, Ftrl, Lion, Nadam, RMSprop and SGD, the
/// way that keeps one or two slots for each weight. SaveWeightsOptions::include_optimizer = false leaves the
/// state out. Errors: also unsupported, invalid_argument (not compiled), shape_mismatch for slots that are
/// not the net's or not as many.
template <class Net, OptimizerStruct Optimizer>
Report save_model(const Net& net, const Optimizer& optimizer, std::string_view config,
                  const std::filesystem::path& target, const SaveWeightsOptions& options = {}) {
    return save_model(detail::program_model(net), detail::program_optimizer<Net>(optimizer), config,
                      Location::for_writing(target), options);
}
/// load_model() that fills such an optimizer, too; LoadedModel::optimizer says whether the file had its
/// state. On an error nothing of either has changed.
template <class Net, OptimizerStruct Optimizer>
LoadedModel load_model(Net& net, Optimizer& optimizer, const std::filesystem::path& source,
                       const LoadWeightsOptions& options = {}) {
    ProgramOptimizer state = detail::program_optimizer<Net>(optimizer);
    LoadedModel loaded =
        load_model(detail::program_model(net), state, Location::for_reading(source), options);
    if (loaded.optimizer) detail::take_numbers<Net>(state, optimizer);
    return loaded;
}

/// The same four without exceptions.
///@{
template <class Net>
Result<Report> try_save_model(const Net& net, std::string_view config, const std::filesystem::path& target,
                              const SaveWeightsOptions& options = {}) noexcept {
    return detail::try_save_model([&] { return save_model(net, config, target, options); });
}
template <class Net>
Result<LoadedModel> try_load_model(Net& net, const std::filesystem::path& source,
                                   const LoadWeightsOptions& options = {}) noexcept {
    return detail::try_load_model([&] { return load_model(net, source, options); });
}
template <class Net, OptimizerStruct Optimizer>
Result<Report> try_save_model(const Net& net, const Optimizer& optimizer, std::string_view config,
                              const std::filesystem::path& target,
                              const SaveWeightsOptions& options = {}) noexcept {
    return detail::try_save_model([&] { return save_model(net, optimizer, config, target, options); });
}
template <class Net, OptimizerStruct Optimizer>
Result<LoadedModel> try_load_model(Net& net, Optimizer& optimizer, const std::filesystem::path& source,
                                   const LoadWeightsOptions& options = {}) noexcept {
    return detail::try_load_model([&] { return load_model(net, optimizer, source, options); });
}
///@}

}  // namespace ballast
