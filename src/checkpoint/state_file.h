// SPDX-License-Identifier: Apache-2.0
// TensorFlow's state file `checkpoint`: a text that names the latest checkpoint.
#pragma once

#include <string>

#include "ballast/io.h"

namespace ballast {

/// The name after model_checkpoint_path, as a name below the file's folder: of an absolute path, or one that
/// leaves the folder, the last part, since folders of checkpoints get moved. Empty when there is none.
std::string named_in_state_file(const io::Source& source);

}  // namespace ballast
