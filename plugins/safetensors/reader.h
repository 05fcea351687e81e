// SPDX-License-Identifier: Apache-2.0
// What reading a file and reading a set share. Pure functions.
#pragma once

#include <memory>
#include <vector>

#include "ballast/archive.h"
#include "ballast/format.h"
#include "header.h"

namespace ballast::safetensors {

/// The tensors of one file, as they lie in it.
std::vector<TensorInfo> tensors_of(const Header& header, const std::shared_ptr<const io::Source>& source);

/// Index and Model of tensors and metadata; our own layout in the metadata is used where it fits, else a
/// warning says why not.
ArchiveContents contents_of(std::vector<TensorInfo> tensors, Tree metadata, const Limits& limits);

/// Whether the probe's file is a JSON index of safetensors files.
bool is_index(Probe& probe);

/// Opens the set an index names. Errors: not_found for a file that is not there, damaged when a file lacks a
/// tensor the index promises, and as of a single file.
ArchiveContents open_set(Probe& probe);

}  // namespace ballast::safetensors
