// SPDX-License-Identifier: Apache-2.0
// The words that lookup layers of Keras 2 were fitted to: their config does not hold them, the model's
// functions do. One thread.
#pragma once

#include "ballast/archive.h"
#include "ballast/io.h"
#include "ballast/limits.h"
#include "folder.h"

namespace ballast::saved_model {

/// Puts the words of the model's tables, and the weights of their documents, into `config`, where they are
/// missing and the functions tell them. What they do not tell stays as it is. Errors: as of read_folder().
void add_vocabularies(const io::Fs& fs, const Folder& folder, const Model& model, const Limits& limits,
                      Tree& config);

}  // namespace ballast::saved_model
