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

}  // namespace ballast
