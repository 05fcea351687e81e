// SPDX-License-Identifier: Apache-2.0
// Lookup layers whose vocabulary is the path of a file: Keras 3 refuses such a path in a .keras file, a
// SavedModel brings the file along. Reads assets; any thread.
#pragma once

#include "ballast/limits.h"
#include "ballast/model.h"
#include "ballast/report.h"

namespace ballast {

/// Puts the words of a SavedModel's assets into the config in place of their paths. Errors: unsupported for a
/// path whose file is not among the assets, or not the only one of its name; those of reading.
void write_out_vocabularies(Model& model, const Limits& limits, Report& report);

}  // namespace ballast
