// SPDX-License-Identifier: Apache-2.0
// TensorFlow's state file `checkpoint`: which checkpoint of its folder it names.
#pragma once

#include <string>
#include <string_view>

#include "ballast/io.h"
#include "container/bundle/state_text.h"

namespace ballast {

inline constexpr std::string_view state_file_name = "checkpoint";

/// At most the first MiB is looked at.
bundle::StateFile read_state_file(const io::Source& source);

/// The path as a name below the file's folder: of an absolute path, or one that leaves the folder, the last
/// part, since folders of checkpoints get moved. Of a set of version 1, which goes by a pattern, the first
/// file. Empty when there is none.
std::string name_of_state_path(std::string_view path);

/// Whether there is a checkpoint of that name: a file, or an index.
bool is_checkpoint(const io::Fs& folder, const std::string& name);

}  // namespace ballast
