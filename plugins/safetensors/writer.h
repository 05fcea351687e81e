// SPDX-License-Identifier: Apache-2.0
// Laying out safetensors files and sets of them. The same model and options give the same bytes.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "ballast/format.h"
#include "contents.h"

namespace ballast::safetensors {

/// Header and tensors of a model as one file.
PlannedFile lay_out(const Model& model, std::string file_name, const SaveOptions& options, Report& report);

/// The tensors at the positions `order` as one file.
PlannedFile plan_file(const Contents& contents, std::span<const std::size_t> order, Tree metadata,
                      std::string file_name);

/// Files of at most SaveOptions::max_shard_size bytes of tensors and an index, whose rename is the commit.
WritePlan plan_set(const Model& model, const Target& target, const SaveOptions& options, Report& report);

}  // namespace ballast::safetensors
