// SPDX-License-Identifier: Apache-2.0
// What --json prints of several files: {"schema": 1, "files": […]}, and how problems stand in it.
#pragma once

#include <vector>

#include "ballast/error.h"
#include "ballast/tree.h"

namespace ballast::tool {

inline Tree problems_tree(const std::vector<Error>& problems) {
    Tree list = Tree::array();
    for (const Error& problem : problems) {
        Tree& row = list.push_back(Tree::object());
        row.set("code", to_string(problem.code()));
        row.set("text", problem.what());
    }
    return list;
}

/// `to_tree(report)` is one file's part.
template <class Report, class ToTree>
Tree files_document(const std::vector<Report>& reports, ToTree to_tree) {
    Tree document = Tree::object();
    document.set("schema", 1);
    Tree& files = document.set("files", Tree::array());
    for (const Report& report : reports)
        files.push_back(to_tree(report));
    return document;
}

}  // namespace ballast::tool
