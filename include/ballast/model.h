// SPDX-License-Identifier: Apache-2.0
// Model: the one graph every dialect lifts to and lowers from; and TensorExpr, what a target tensor is made
// of.
//
// Structure only: a Weight's value says which stored tensors it is made of and how, the engine moves the
// bytes. Plain values without hidden state; const use from several threads is safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/dtype.h"
#include "ballast/export.h"
#include "ballast/index.h"
#include "ballast/tensor.h"
#include "ballast/tree.h"

namespace ballast {

/// How many finite elements casts have made infinite. Counts whenever the value is evaluated, on any thread.
struct CastCount {
    std::atomic<std::uint64_t> overflowed{0};
};

/// An immutable expression over stored tensors. Cheap to copy. Its result is row-major and little-endian.
class BALLAST_API TensorExpr {
public:
    enum class Op : std::uint8_t {
        identity,
        cast,       ///< to another dtype, round to nearest even
        transpose,  ///< axes[i] = source axis of result axis i
        flip,       ///< axes to reverse
        reshape,    ///< same elements, other shape
        concat,     ///< inputs joined along axes[0]
        slice,      ///< axes[0], from begin, `count` entries
        add,        ///< element-wise sum of two inputs
        square,     ///< element-wise square
    };

    /// Empty: no value yet (a weight of a config without a file).
    TensorExpr() = default;
    /// Identity: the stored tensor as it is.
    TensorExpr(TensorRef source);  // NOLINT: implicit on purpose

    // Each checks its arguments (shape_mismatch, invalid_argument).
    static TensorExpr cast(TensorExpr input, DType dtype, std::shared_ptr<CastCount> count = nullptr);
    static TensorExpr transpose(TensorExpr input, std::vector<std::uint32_t> axes);
    static TensorExpr flip(TensorExpr input, std::vector<std::uint32_t> axes);
    static TensorExpr reshape(TensorExpr input, Shape shape);
    static TensorExpr concat(std::vector<TensorExpr> inputs, std::uint32_t axis);
    static TensorExpr slice(TensorExpr input, std::uint32_t axis, std::uint64_t begin, std::uint64_t count);
    static TensorExpr add(TensorExpr a, TensorExpr b);
    static TensorExpr square(TensorExpr input);

    bool empty() const noexcept { return !source_ && !node_; }
    bool is_identity() const noexcept { return source_ != nullptr; }
    Op op() const noexcept;
    /// The stored tensor of an identity; null otherwise.
    const TensorRef& source() const noexcept { return source_; }
    const std::vector<TensorExpr>& inputs() const noexcept;
    const std::vector<std::uint32_t>& axes() const noexcept;
    std::uint64_t begin() const noexcept;
    /// Where a cast counts; null when it does not, and for other operations.
    CastCount* cast_count() const noexcept;
    DType dtype() const noexcept;
    const Shape& shape() const noexcept;
    std::uint64_t byte_count() const { return byte_size(dtype(), shape().element_count()); }

private:
    struct Node;
    explicit TensorExpr(std::shared_ptr<const Node> node) : node_(std::move(node)) {}
    TensorRef source_;
    std::shared_ptr<const Node> node_;
};

/// One variable of a layer.
struct Weight {
    std::string role;                  ///< "kernel", "moving_mean"; the stored key where the role is unknown
    TensorExpr value;                  ///< empty in a skeleton made from a config alone
    std::string stored_key;            ///< within the layer: dataset "0", weight name "conv1/kernel:0"
    bool trainable = true;             ///< by nature (a moving mean is not), whatever the layer's flag says
    std::vector<std::string> aliases;  ///< further stored names of the same variable
    /// Where the dialect lists the weights of a whole layer: the place in that list, from 1; 0 = unknown.
    /// Writing back to the dialect keeps it, whatever order a config would give.
    std::uint32_t stored_place = 0;
};

using LayerId = std::uint32_t;

/// How a layer is reached from its parent. Shared layers have several incoming edges; cycles are allowed.
struct Edge {
    enum class Kind : std::uint8_t {
        container,  ///< member of the parent's `layers`
        attribute,  ///< a Python attribute: "cell", "forward_layer", "query_dense"
        index,      ///< item of a list held in attribute `key`
        dict_key,   ///< value of a dict held in attribute `key`
    };
    Kind kind = Kind::container;
    std::string key;  ///< attribute name; empty for container
    LayerId child = 0;
};

/// A layer, a nested model or the root model.
struct Layer {
    std::string name;             ///< the user's layer name; empty when unknown
    std::string class_name;       ///< "Dense", "Functional"; empty when unknown
    std::string package;          ///< of a custom class ("Custom", "my_pkg"); empty for built-ins
    Tree config;                  ///< the layer's config as its framework wrote it; null when unknown
    bool trainable = true;        ///< the layer's own flag when the file was saved (parents not counted in)
    std::vector<Weight> weights;  ///< own variables, in creation order
    std::vector<Edge> edges;      ///< in the order of the parent's layer list (Keras 2's `model.layers`)
    std::vector<std::uint32_t>
        save_order;          ///< positions in `edges` in Keras 3's order; empty = as they stand
    std::string stored_key;  ///< in the dialect the model came from: "layers/dense"; empty if none
};

struct OptimizerVariable {
    TensorExpr value;
    std::string stored_key;  ///< "0", "Adam/m/conv1/kernel:0"
    std::string slot;        ///< "m", "iteration"; empty when unknown
    std::string of_weight;   ///< canonical name of the weight the slot belongs to; empty when none or unknown
};

struct Optimizer {
    std::string class_name;  ///< "Adam"; empty when unknown
    Tree config;
    std::string flavor;  ///< whose variable order: "keras3", "tf_keras"; empty when unknown
    std::vector<OptimizerVariable> variables;  ///< in ordinal order
};

/// A tensor that belongs to no layer: of a loose file (safetensors, plain HDF5) or metric state.
struct LooseTensor {
    std::string name;
    TensorExpr value;
    Part part = Part::loose;
};

struct Producer {
    std::string dialect;        ///< "keras_v3", "keras_legacy", "safetensors": whose keys the stored_keys are
    std::string flavor;         ///< "keras3", "tf_keras"; empty when unknown
    std::string keras_version;  ///< as written in the file; empty when not there
    std::string backend;
    /// The model came back out of the metadata of a format without layers (safetensors), which promises the
    /// exact way back: a writer of `dialect` then writes `flavor` unless told otherwise.
    bool restored = false;
    bool sharded = false;  ///< the tensors lie in the files of a set
};

struct Model {
    std::vector<Layer> layers;  ///< layers[root] is the model itself; LayerId = position
    LayerId root = 0;
    Tree config;           ///< the model's config, verbatim ({class_name, config}); null when there is none
    Tree training_config;  ///< as written; null when there is none
    Producer producer;
    std::optional<Optimizer> optimizer;
    std::vector<LooseTensor> loose;
    std::vector<Blob> assets;
    Tree metadata;  ///< format metadata to carry along (safetensors `__metadata__`)

    bool has_layers() const noexcept { return !layers.empty(); }
};

}  // namespace ballast
