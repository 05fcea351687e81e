// SPDX-License-Identifier: Apache-2.0
// What two files say besides their tensors. Pure functions; any thread.
#pragma once

#include <string>
#include <vector>

#include "ballast/archive.h"
#include "ballast/diff.h"

namespace ballast {

/// Differences worth telling: format, kind, producer, configs node by node, user metadata.
std::vector<MetadataChange> metadata_changes(const Archive& a, const Archive& b);

/// Appends assets that differ or are in one file only. Formats that hold none take none along, so only files
/// of one format are compared. Reads them.
void asset_changes(const Archive& a, const Archive& b, const CancelCallback& cancel,
                   std::vector<MetadataChange>& changes);

/// Appends the nodes in which two values differ, as "key.member[2]"; at most `most` in the whole list.
void tree_changes(const std::string& key, const Tree& a, const Tree& b, bool counts, std::size_t most,
                  std::vector<MetadataChange>& changes);

}  // namespace ballast
