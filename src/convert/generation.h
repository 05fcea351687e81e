// SPDX-License-Identifier: Apache-2.0
// Which generation of Keras a target's config has to be of. Pure functions on values; any thread.
#pragma once

#include <string_view>

#include "ballast/format.h"
#include "ballast/options.h"

namespace ballast {

/// Whether the format has the flavour.
bool offers(const FormatInfo& format, std::string_view flavor);

/// Formats that cannot be written without an architecture: there a config that was lent becomes the model's.
bool holds_whole_models(const FormatInfo& format);

/// Whether the model's config goes along and has to be one of Keras 3. An .h5 holds a config of either
/// generation, and says which by its flavour; a SavedModel one of Keras 2.
bool wants_keras3(const FormatInfo& format, const SaveOptions& save);

/// Whether it has to be one of Keras 2: an .h5 or a .keras on request, a SavedModel always.
bool wants_keras2(const FormatInfo& format, const SaveOptions& save);

}  // namespace ballast
