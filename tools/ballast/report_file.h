// SPDX-License-Identifier: Apache-2.0
// The file that --report names: JSON, or a page for people when its name ends in .html.
#pragma once

#include <string>
#include <vector>

#include "ballast/report.h"

namespace ballast::tool {

/// Replaces the file, atomically: the user names it for this very run.
void write_report(const std::string& path, const std::vector<Report>& reports);

}  // namespace ballast::tool
