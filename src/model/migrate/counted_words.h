// SPDX-License-Identifier: Apache-2.0
// TextVectorization that counts words (multi_hot, count, tf_idf). Of texts that come as (n, 1) both
// frameworks make (n, words), but Keras 3 takes the shape for (n, 1, words) while it builds the model, so
// that what follows may not fit. A Flatten after the layer says (n, words). Pure functions on Keras 2's
// configs.
#pragma once

#include "model/migrate/context.h"

namespace ballast::migrate {

/// Whether it is such a layer.
bool counts_words(const Tree& layer);
/// The config of a functional model with a Flatten after each call of such a layer, and a note for each
/// layer.
Tree with_flat_counts(Context& context, const Tree& config);
/// The same for the layers of a Sequential.
Tree with_flat_counts_in_sequence(Context& context, const Tree& layers);

}  // namespace ballast::migrate
