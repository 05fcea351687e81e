// SPDX-License-Identifier: Apache-2.0
// Lookup layers whose vocabulary is the path of a file: Keras 3 refuses such a path in a .keras file, a
// SavedModel brings the file along. And those of a SavedModel whose vocabulary is nowhere to be read. Reads
// assets; any thread.
#pragma once

#include "ballast/limits.h"
#include "ballast/model.h"
#include "ballast/report.h"

namespace ballast {

/// What the words of the lookups in a SavedModel's config are that were fitted to data is only in the
/// constants of its functions, which are not read. Errors: unsupported; a warning instead if `may_lose`.
void require_vocabularies(const Model& model, bool may_lose, Report& report);

/// Puts the words of a SavedModel's assets into the config in place of their paths. Errors: unsupported for a
/// path whose file is not among the assets, or not the only one of its name; those of reading.
void write_out_vocabularies(Model& model, const Limits& limits, Report& report);

}  // namespace ballast
