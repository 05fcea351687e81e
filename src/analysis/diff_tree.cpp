// SPDX-License-Identifier: Apache-2.0
// A Diff as JSON.
#include "ballast/diff.h"

namespace ballast {
namespace {

Tree dims(const Shape& shape) {
    Tree list = Tree::array();
    for (const std::uint64_t dim : shape)
        list.push_back(dim);
    return list;
}

Tree side(const std::string& name, DType dtype, const Shape& shape) {
    if (name.empty()) return {};
    Tree tree = Tree::object();
    tree.set("name", name);
    tree.set("dtype", to_string(dtype));
    tree.set("shape", dims(shape));
    return tree;
}

Tree tree_of(const TensorChange& change) {
    Tree row = Tree::object();
    row.set("kind", to_string(change.kind));
    row.set("a", side(change.name_a, change.dtype_a, change.shape_a));
    row.set("b", side(change.name_b, change.dtype_b, change.shape_b));
    if (change.kind == TensorChange::Kind::values) {
        row.set("elements", change.elements);
        row.set("different", change.different);
        row.set("largest", change.largest ? Tree(*change.largest) : Tree());
    }
    row.set("counts", change.counts);
    return row;
}

Tree file(const std::string& path, const std::string& format) {
    Tree tree = Tree::object();
    tree.set("path", path);
    tree.set("format", format);
    return tree;
}

}  // namespace

Tree Diff::to_tree() const {
    Tree tree = Tree::object();
    tree.set("schema", 1);
    tree.set("a", file(path_a, format_a));
    tree.set("b", file(path_b, format_b));
    tree.set("same", same());
    tree.set("pairs", std::uint64_t{pairs});
    tree.set("same_pairs", std::uint64_t{same_pairs});
    Tree& list = tree.set("tensors", Tree::array());
    for (const TensorChange& change : tensors)
        list.push_back(tree_of(change));
    Tree& others = tree.set("metadata", Tree::array());
    for (const MetadataChange& change : metadata) {
        Tree& row = others.push_back(Tree::object());
        row.set("key", change.key);
        row.set("a", change.a.empty() ? Tree() : Tree(change.a));
        row.set("b", change.b.empty() ? Tree() : Tree(change.b));
        row.set("counts", change.counts);
    }
    Tree& remarks = tree.set("notes", Tree::array());
    for (const std::string& note : notes)
        remarks.push_back(note);
    return tree;
}

}  // namespace ballast
