// SPDX-License-Identifier: Apache-2.0
// Refusal: what a conversion that fails says of its source's own classes and oddities.
#pragma once

#include <optional>
#include <string>
#include <unordered_set>

#include "ballast/archive.h"
#include "ballast/error.h"
#include "ballast/model.h"

namespace ballast {

/// Made while the source's model is still whole. The archive must outlive it. One thread.
class Refusal {
public:
    Refusal(const Archive& archive, const Model& model);

    /// Throws `error` again, or what says better why it came about: a model or a layer of the program's own
    /// class, or what was odd about the source.
    [[noreturn]] void explain(const Error& error) const;

private:
    const Archive& archive_;
    std::string own_model_;                        ///< the class of a subclassed model; "" for others
    std::optional<Error> own_layer_;               ///< why the places of such layers' variables are not known
    std::unordered_set<std::string> own_tensors_;  ///< theirs, by stored names
};

}  // namespace ballast
