// SPDX-License-Identifier: Apache-2.0
// Copies what an HDF5 group holds into another, everything but the elements of the datasets that have bytes
// of their own. Call within a Session.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hdf5lib/session.h"

namespace ballast::hdf5lib {

struct CopyRules {
    /// Lay datasets out contiguous, with their room taken at once and never filled.
    bool take_room = false;
    std::uint64_t most_objects = 0;  ///< limit_exceeded above
    /// Called for every dataset with elements that lie in bytes of their own: its path below the group, and
    /// both sides of it.
    std::function<void(const std::string& path, hid_t from, hid_t to)> dataset;
};

/// Groups, datasets, committed types, links of every kind (a group met again becomes a hard link, also on its
/// own chain) and attributes; those of the two groups themselves are left alone. Soft and external links are
/// copied, not followed.
void copy_tree(hid_t from, hid_t to, const CopyRules& rules);

/// A type or shape of no file. A mere copy of one that its file keeps in a heap for shared messages would
/// claim to lie in the other file's heap, which has none.
Handle detached_type(hid_t type);
Handle detached_space(hid_t space);

/// Attributes but those that are or hold references.
void copy_attributes(hid_t from, hid_t to);

/// The elements of a dataset of texts of variable length.
void copy_text(hid_t from, hid_t to);

std::vector<std::string> attribute_names(hid_t object);
std::vector<std::string> link_names(hid_t group);

}  // namespace ballast::hdf5lib
