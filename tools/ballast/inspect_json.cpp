// SPDX-License-Identifier: Apache-2.0
// inspect --json: one document, a line a tensor, written while it is made.
#include "container/json/json.h"
#include "inspect.h"
#include "stats_tree.h"

namespace ballast::tool {
namespace {

Tree producer_tree(const Archive& archive) {
    const Producer& producer = archive.model().producer;
    Tree tree = Tree::object();
    tree.set("dialect", producer.dialect);
    tree.set("flavor", producer.flavor);
    tree.set("keras_version", producer.keras_version);
    tree.set("backend", producer.backend);
    return tree;
}

/// `path` is the archive's. An offset within another file (a shard, a zip member) comes with that file's
/// name.
Tree tensor_tree(const TensorInfo& tensor, const std::string& path) {
    Tree row = Tree::object();
    row.set("name", tensor.name);
    row.set("stored_name", tensor.stored_name);
    row.set("part", to_string(tensor.part));
    row.set("layer", tensor.layer);
    row.set("role", tensor.role);
    row.set("dtype", to_string(tensor.dtype));
    Tree& shape = row.set("shape", Tree::array());
    for (const std::uint64_t dim : tensor.shape)
        shape.push_back(dim);
    row.set("bytes", tensor.byte_count());
    if (const auto* extent = std::get_if<Extent>(&tensor.storage.layout); extent && extent->length != 0) {
        if (extent->source && extent->source->path() != path) row.set("file", extent->source->path());
        row.set("offset", extent->offset);
    }
    if (!tensor.alias_of.empty()) row.set("alias_of", tensor.alias_of);
    return row;
}

}  // namespace

void print_json(const View& view, Output& out) {
    const Archive& archive = view.archive;
    const std::string path = archive.location().display();
    const auto quoted = [](std::string_view text) { return json::write(Tree(text)); };
    out.print("{{\"schema\": 1, \"path\": {}, \"format\": {}, \"kind\": {}, \"producer\": {},\n",
              quoted(path), quoted(archive.format().id), quoted(archive.kind()),
              json::write(producer_tree(archive)));
    out.write(" \"tensors\": [");
    for (std::size_t i = 0; i < view.positions.size(); ++i) {
        Tree row = tensor_tree(archive.index().tensors()[view.positions[i]], path);
        if (view.with_stats) row.set("stats", stats_tree(view.stats[i]));
        out.print("{}\n  {}", i == 0 ? "" : ",", json::write(row));
    }
    Tree metadata = archive.metadata();
    if (!archive.model().config.is_null()) metadata.set("config", archive.model().config);
    if (!archive.model().training_config.is_null())
        metadata.set("training_config", archive.model().training_config);
    out.print("],\n \"total_bytes\": {}, \"metadata\": {}}}\n", archive.index().total_bytes(),
              json::write(metadata));
}

}  // namespace ballast::tool
