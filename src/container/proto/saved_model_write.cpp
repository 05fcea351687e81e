// SPDX-License-Identifier: Apache-2.0
// Writing saved_model.pb and keras_metadata.pb, see saved_model.h.
#include "container/proto/saved_model.h"

#include "container/proto/wire.h"

namespace ballast::proto {
namespace {

constexpr std::uint64_t schema_version = 1;
constexpr std::string_view plain_object = "_generic_user_object", serving_tag = "serve";

std::string version(std::uint64_t producer) {
    std::string out;
    Writer message(out);
    message.add_uint64(1, producer);
    message.add_uint64(2, 1);
    return out;
}

std::string shape(const std::vector<std::int64_t>& dims) {
    std::string out;
    Writer message(out);
    for (const std::int64_t size : dims) {
        std::string dim;
        if (size != 0) Writer(dim).add_int64(1, size);
        message.add_message(2, dim);
    }
    return out;
}

std::string variable(const SavedObject& object) {
    std::string out;
    Writer message(out);
    message.add_uint64(1, object.dtype);
    message.add_message(2, shape(object.dims));
    if (object.trainable) message.add_bool(3, true);
    if (!object.name.empty()) message.add_string(6, object.name);
    return out;
}

std::string user_object(const SavedObject& object) {
    std::string out;
    Writer message(out);
    message.add_string(1, object.identifier.empty() ? std::string(plain_object) : object.identifier);
    message.add_message(2, version(1));
    return out;
}

std::string object_text(const SavedObject& object) {
    std::string out, part;
    Writer message(out);
    for (const ObjectReference& child : object.children) {
        part.clear();
        Writer reference(part);
        if (child.node != 0) reference.add_uint32(1, child.node);
        reference.add_string(2, child.name);
        message.add_message(1, part);
    }
    if (object.dtype != 0)
        message.add_message(7, variable(object));
    else
        message.add_message(4, user_object(object));
    return out;
}

}  // namespace

std::string write_saved_model(const std::vector<SavedObject>& objects) {
    std::string nodes, info, meta_graph, out;
    Writer graph(nodes);
    for (const SavedObject& object : objects)
        graph.add_message(1, object_text(object));
    Writer(info).add_string(4, serving_tag.data(), serving_tag.size());
    Writer meta(meta_graph);
    meta.add_message(1, info);
    meta.add_message(7, nodes);
    Writer model(out);
    model.add_uint64(1, schema_version);
    model.add_message(2, meta_graph);
    return out;
}

std::string write_keras_metadata(const std::vector<KerasObject>& objects) {
    std::string out, part;
    Writer list(out);
    for (const KerasObject& object : objects) {
        part.clear();
        Writer message(part);
        message.add_uint32(2, object.user.node);
        message.add_string(3, object.path);
        message.add_string(4, object.user.identifier);
        message.add_string(5, object.user.metadata);
        message.add_message(6, version(2));
        list.add_message(1, part);
    }
    return out;
}

}  // namespace ballast::proto
