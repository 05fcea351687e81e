// SPDX-License-Identifier: Apache-2.0
// Reading a SavedModel's folder, see folder.h.
#include "folder.h"

#include <algorithm>
#include <utility>

#include "ballast/error.h"
#include "container/bundle/types.h"
#include "container/json/json.h"

namespace ballast::saved_model {
namespace {

/// Keras marks what was a tuple or a TensorShape: {"class_name": "__tuple__", "items": […]}. Elsewhere these
/// are lists.
Tree without_marks(const Tree& value) {
    if (value.is_array()) {
        Tree list = Tree::array();
        for (const Tree& item : value.items())
            list.push_back(without_marks(item));
        return list;
    }
    if (!value.is_object()) return value;
    const std::string_view name =
        value["class_name"].is_string() ? value["class_name"].as_string() : std::string_view();
    if ((name == "__tuple__" || name == "TensorShape") && value["items"].is_array())
        return without_marks(value["items"]);
    Tree object = Tree::object();
    for (const Tree::Member& member : value.members())
        object.set(member.first, without_marks(member.second));
    return object;
}

/// The root's metadata. A file without them is one of tf.saved_model.save or of Keras 3's export.
Tree root_metadata(const std::vector<proto::UserObject>& users, const Limits& limits,
                   const std::string& where) {
    const auto root = std::ranges::find_if(users, [](const proto::UserObject& user) {
        return user.node == 0 && !user.metadata.empty() && user.identifier.starts_with("_tf_keras");
    });
    if (root == users.end()) return {};
    return without_marks(json::parse(root->metadata, limits, where));
}

/// Files below assets/, and in folders there.
std::vector<Blob> assets_in(const io::Fs& fs, const Limits& limits) {
    std::vector<Blob> assets;
    std::vector<std::string> pending;
    const auto found = fs.stat(assets_folder);
    if (found && found->kind == io::FileKind::directory) pending.emplace_back(assets_folder);
    while (!pending.empty()) {
        const std::string folder = std::move(pending.back());
        pending.pop_back();
        for (const io::DirEntry& entry : fs.list(folder)) {
            if (assets.size() + pending.size() >= limits.objects)
                throw Error(ErrorCode::limit_exceeded, "more assets than the limit objects")
                    .in(fs.display(folder));
            const std::string name = folder + "/" + entry.name;
            if (entry.kind == io::FileKind::directory) {
                pending.push_back(name);
            } else if (entry.kind == io::FileKind::regular) {
                const auto source = fs.open(name);
                assets.push_back({name, Extent{source, 0, source->size()}});
            }
        }
    }
    std::ranges::sort(assets, {}, &Blob::name);
    return assets;
}

Tree tensor_tree(const proto::SignatureTensor& tensor) {
    Tree tree = Tree::object();
    tree.set("name", tensor.name);
    const bundle::TypeRow* type = bundle::find_type(tensor.dtype);
    tree.set("dtype", type != nullptr ? Tree(type->name) : Tree(tensor.dtype));
    if (tensor.unknown_rank) return tree;
    Tree& shape = tree.set("shape", Tree::array());
    for (const std::int64_t dim : tensor.dims)
        shape.push_back(dim);
    return tree;
}

Tree side_tree(std::vector<proto::SignatureTensor> tensors) {
    std::ranges::sort(tensors, {}, &proto::SignatureTensor::name);  // a map's order in the file means nothing
    Tree list = Tree::array();
    for (const proto::SignatureTensor& tensor : tensors)
        list.push_back(tensor_tree(tensor));
    return list;
}

Tree signatures_tree(std::vector<proto::Signature> signatures) {
    std::ranges::sort(signatures, {}, &proto::Signature::name);
    Tree tree = Tree::object();
    for (proto::Signature& signature : signatures) {
        Tree& one = tree.set(signature.name, Tree::object());
        one.set("inputs", side_tree(std::move(signature.inputs)));
        one.set("outputs", side_tree(std::move(signature.outputs)));
    }
    return tree;
}

}  // namespace

std::string content(const io::Fs& fs, std::string_view name, const Limits& limits) {
    const auto source = fs.open(name);
    if (source->size() > limits.metadata_bytes)
        throw Error(ErrorCode::limit_exceeded, "is larger than the limit metadata_bytes").in(source->path());
    std::string text(static_cast<std::size_t>(source->size()), '\0');
    source->read_at(0, std::as_writable_bytes(std::span(text)));
    return text;
}

Folder read_folder(const io::Fs& fs, const Limits& limits) {
    Folder folder;
    const std::string where = fs.display(graph_file);
    try {
        folder.graph = proto::read_saved_model(content(fs, graph_file, limits), limits);
    } catch (Error& error) {
        error.in(where);
        throw;
    }
    folder.users = std::move(folder.graph.users);
    std::string origin = where;
    if (fs.stat(keras_file)) {
        origin = fs.display(keras_file);
        try {
            folder.users = proto::read_keras_metadata(content(fs, keras_file, limits), limits);
        } catch (Error& error) {
            error.in(origin);
            throw;
        }
    }
    folder.root = root_metadata(folder.users, limits, origin);
    folder.assets = assets_in(fs, limits);
    return folder;
}

Tree model_config(const Tree& root) {
    if (!root["class_name"].is_string() || !root["config"]["layers"].is_array()) return {};
    Tree config = Tree::object();
    config.set("class_name", root["class_name"]);
    config.set("config", root["config"]);
    return config;
}

Tree described(const Folder& folder) {
    const proto::SavedModel& graph = folder.graph;
    Tree tree = Tree::object();
    tree.set("kind", !folder.root.is_null() ? "Keras 2"
                     : graph.has_objects    ? "TensorFlow 2 objects"
                                            : "TensorFlow 1 graph");
    if (folder.root["class_name"].is_string()) tree.set("model_class", folder.root["class_name"]);
    if (folder.root["name"].is_string()) tree.set("model_name", folder.root["name"]);
    if (!graph.tensorflow_version.empty()) tree.set("tensorflow_version", graph.tensorflow_version);
    Tree& tags = tree.set("tags", Tree::array());
    for (const std::string& tag : graph.tags)
        tags.push_back(tag);
    if (graph.meta_graphs > 1) tree.set("meta_graphs", graph.meta_graphs);
    tree.set("signatures", signatures_tree(graph.signatures));
    tree.set("functions", graph.functions);
    if (!folder.assets.empty()) tree.set("assets", static_cast<std::uint64_t>(folder.assets.size()));
    return tree;
}

}  // namespace ballast::saved_model
