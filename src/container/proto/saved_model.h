// SPDX-License-Identifier: Apache-2.0
// saved_model.pb and keras_metadata.pb: what of them describes a model. Graphs of operations are skipped,
// never run. Values and pure functions. Source of the fields: spec/tensorflow.md §6 and TensorFlow's
// saved_model.proto.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/limits.h"
#include "container/proto/object_graph.h"

namespace ballast::proto {

/// One tensor that goes into or out of a signature.
struct SignatureTensor {
    std::string name;
    std::uint64_t dtype = 0;         ///< TensorFlow's DataType
    std::vector<std::int64_t> dims;  ///< -1 where it varies
    bool unknown_rank = false;
};

struct Signature {
    std::string name;  ///< "serving_default"
    std::string method;
    std::vector<SignatureTensor> inputs, outputs;
};

/// A node of the object graph that TensorFlow rebuilds; only nodes that Keras 2 made are described.
struct UserObject {
    std::uint32_t node = 0;
    std::string identifier;  ///< "_tf_keras_sequential"
    std::string metadata;    ///< JSON; before TensorFlow 2.5, later in keras_metadata.pb
};

struct SavedModel {
    std::int64_t schema = 0;
    std::uint64_t meta_graphs = 0;
    std::vector<std::string> tags;  ///< of the first meta graph, as everything below
    std::string tensorflow_version;
    std::vector<Signature> signatures;
    std::vector<std::string> assets;  ///< file names below assets/
    bool has_objects = false;         ///< false: TensorFlow 1
    std::uint64_t objects = 0, functions = 0, variables = 0;
    std::vector<UserObject> users;
};

/// Errors: damaged, limit_exceeded (nodes over Limits::objects).
SavedModel read_saved_model(std::string_view message, const Limits& limits);
/// keras_metadata.pb. Errors as above.
std::vector<UserObject> read_keras_metadata(std::string_view message, const Limits& limits);

/// A node of the object graph as it is written: a variable when it has a type, else an object.
struct SavedObject {
    std::vector<ObjectReference> children;
    std::string identifier;   ///< of an object; empty = one that only has children
    std::uint64_t dtype = 0;  ///< of a variable
    std::vector<std::int64_t> dims;
    bool trainable = false;
    std::string name;  ///< the variable's own
};
/// One meta graph of objects, for serving, without functions and signatures.
std::string write_saved_model(const std::vector<SavedObject>& objects);

struct KerasObject {
    UserObject user;
    std::string path;  ///< "root.layer-1"
};
std::string write_keras_metadata(const std::vector<KerasObject>& objects);

}  // namespace ballast::proto
