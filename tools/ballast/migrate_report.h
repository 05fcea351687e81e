// SPDX-License-Identifier: Apache-2.0
// What became of many models: a table for the terminal, a page to keep, JSON for programs.
#pragma once

#include <span>
#include <string>

#include "migrate_models.h"
#include "output.h"

namespace ballast::tool {

/// A row a model, then the counts.
void print_table(std::span<const Migrated> models, Output& out);
/// "3 migrated, 1 weights only, 2 refused"
std::string counts_of(std::span<const Migrated> models);
/// Writes the report as NAME.html, a self-contained page, or as JSON. The sources are opened again and all
/// their values read, for layers, ranges and histograms; one that cannot be is reported without them.
void write_migration_report(const std::string& path, std::span<const Migrated> models, bool dry_run);

}  // namespace ballast::tool
