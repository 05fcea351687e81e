// SPDX-License-Identifier: Apache-2.0
// The shape an entry declares, checked. A pure function.
#pragma once

#include <cstdint>
#include <vector>

#include "ballast/limits.h"
#include "ballast/tensor.h"
#include "container/bundle/types.h"

namespace ballast::bundle {

/// Errors (without path and tensor): damaged, limit_exceeded.
Shape checked_shape(const std::vector<std::int64_t>& dims, const TypeRow& type, const Limits& limits);

}  // namespace ballast::bundle
