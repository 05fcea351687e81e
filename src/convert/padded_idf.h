// SPDX-License-Identifier: Apache-2.0
// Lookup layers that were fitted to data, weigh by tf-idf, and pad to max_tokens: Keras 3 does not open them,
// not those in files of its own either, since the weights are more than the words in the file beside them.
// With words and weights in its config the layer opens. Reads assets and stored bytes; any thread.
#pragma once

#include "ballast/limits.h"
#include "ballast/model.h"
#include "ballast/report.h"

namespace ballast {

/// Puts the words and their weights into the config of each such layer and takes its files out of the assets.
/// The weights among the model's stay as they are. Errors: damaged for weights that are none; those of
/// reading.
void write_out_padded_idf(Model& model, const Limits& limits, Report& report);

}  // namespace ballast
