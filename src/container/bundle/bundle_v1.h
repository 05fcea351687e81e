// SPDX-License-Identifier: Apache-2.0
// Checkpoints of version 1, TensorFlow's until 0.12: one table that holds header, names and values, or
// several of them, `P-00000-of-00002`. Presented as a bundle; read only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/io.h"
#include "ballast/limits.h"
#include "container/bundle/bundle.h"

namespace ballast::bundle {

/// The files of the set that `name` belongs to, in order; just `name` where it is none of a set.
std::vector<std::string> v1_files(std::string_view name);

/// Every block is read and checked against its checksum here; what is read later is checked again. Errors: as
/// of Bundle::parse().
std::shared_ptr<const Bundle> parse_v1(const std::shared_ptr<io::Fs>& fs,
                                       const std::vector<std::string>& files, const Limits& limits);

}  // namespace ballast::bundle
