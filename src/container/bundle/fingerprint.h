// SPDX-License-Identifier: Apache-2.0
// fingerprint.pb of a SavedModel, by which programs tell models apart: its hash of the variables follows
// them. Pure functions.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "ballast/plan.h"

namespace ballast::bundle {

inline constexpr std::string_view fingerprint_file = "fingerprint.pb";

/// FarmHash's Fingerprint64, which TensorFlow takes of variables.index.
std::uint64_t fingerprint64(std::string_view bytes) noexcept;

/// A FingerprintDef with this hash of the variables, all else byte for byte. Errors: damaged.
std::string with_checkpoint_hash(std::string_view message, std::uint64_t hash);

/// Hooks that, beside what `inner` does, make the file `name` out of `message` once the file `index` is made.
std::shared_ptr<PlanHooks> fingerprint_hooks(std::shared_ptr<PlanHooks> inner, std::string name,
                                             std::string message, std::string index);

}  // namespace ballast::bundle
