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
    std::atomic<std::uint64_t> overflowed{0};  ///< elements, so far
};

/// An immutable expression over stored tensors. Cheap to copy. Its result is row-major and little-endian.
class BALLAST_API TensorExpr {
public:
    /// The outermost operation.
    enum class Op : std::uint8_t {
        identity,   ///< a stored tensor, or no value at all: see empty()
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

    // Each checks its arguments: shape_mismatch, invalid_argument (also for an empty input), and
    // unsupported_dtype for elements it cannot handle (those that are no whole bytes can only be reshaped).

    /// Between floating types, from float8, booleans and integers to those, and between integers where every
    /// value fits; to the same dtype it is the input itself. What becomes infinite is added to `count`.
    static TensorExpr cast(TensorExpr input, DType dtype, std::shared_ptr<CastCount> count = nullptr);
    /// `axes` is a permutation of all axes: result axis i is the input's axes[i], as numpy's transpose.
    static TensorExpr transpose(TensorExpr input, std::vector<std::uint32_t> axes);
    /// The order of entries reversed along these axes, each named once.
    static TensorExpr flip(TensorExpr input, std::vector<std::uint32_t> axes);
    /// The same elements in row-major order; their number must not change.
    static TensorExpr reshape(TensorExpr input, Shape shape);
    /// At least one; dtypes (dtype_mismatch) and all other dimensions must be equal.
    static TensorExpr concat(std::vector<TensorExpr> inputs, std::uint32_t axis);
    /// `count` entries of the axis from `begin` on, all within it.
    static TensorExpr slice(TensorExpr input, std::uint32_t axis, std::uint64_t begin, std::uint64_t count);
    /// Of equal shape and dtype (dtype_mismatch). Integers wrap around, half precision is rounded once.
    static TensorExpr add(TensorExpr a, TensorExpr b);
    /// Of each element; integers wrap around.
    static TensorExpr square(TensorExpr input);

    /// Whether it has no value; what else it says then means nothing.
    bool empty() const noexcept { return !source_ && !node_; }
    /// Whether it is a stored tensor as it is.
    bool is_identity() const noexcept { return source_ != nullptr; }
    /// The outermost operation; Op::identity of an empty one, too.
    Op op() const noexcept;
    /// The stored tensor of an identity; null otherwise.
    const TensorRef& source() const noexcept { return source_; }
    /// What the operation works on, in order; none of an identity.
    const std::vector<TensorExpr>& inputs() const noexcept;
    /// As Op says; empty where the operation has none.
    const std::vector<std::uint32_t>& axes() const noexcept;
    /// The first entry of a slice; 0 for other operations.
    std::uint64_t begin() const noexcept;
    /// Where a cast counts; null when it does not, and for other operations.
    CastCount* cast_count() const noexcept;
    /// Of the result; float32 of an empty one.
    DType dtype() const noexcept;
    /// Of the result; {} of an empty one.
    const Shape& shape() const noexcept;
    /// Bytes of the result.
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

/// Position in Model::layers.
using LayerId = std::uint32_t;

/// How a layer is reached from its parent. Shared layers have several incoming edges; cycles are allowed.
struct Edge {
    /// Where in the parent.
    enum class Kind : std::uint8_t {
        container,  ///< member of the parent's `layers`
        attribute,  ///< a Python attribute: "cell", "forward_layer", "query_dense"
        index,      ///< item of a list held in attribute `key`
        dict_key,   ///< value of a dict held in attribute `key`
    };
    Kind kind = Kind::container;  ///< where in the parent
    std::string key;              ///< attribute name; empty for container
    LayerId child = 0;            ///< the layer it leads to
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

/// One variable of the optimizer: a slot of a weight, or a counter.
struct OptimizerVariable {
    TensorExpr value;        ///< empty once globs have left it out
    std::string stored_key;  ///< "0", "Adam/m/conv1/kernel:0"
    std::string slot;        ///< "m", "iteration"; empty when unknown
    std::string of_weight;   ///< canonical name of the weight the slot belongs to; empty when none or unknown
};

/// The state of an optimizer, in the order its framework keeps it.
struct Optimizer {
    std::string class_name;  ///< "Adam"; empty when unknown
    Tree config;             ///< {"class_name", "config"} as far as known; a dialect may keep notes beside
    std::string flavor;      ///< whose variable order: "keras3", "tf_keras"; empty when unknown
    std::vector<OptimizerVariable> variables;  ///< in ordinal order
};

/// A tensor that belongs to no layer: of a loose file (safetensors, plain HDF5) or metric state.
struct LooseTensor {
    std::string name;         ///< canonical: in a file without layers the stored one
    TensorExpr value;         ///< empty once globs have left it out
    Part part = Part::loose;  ///< loose, metric, or optimizer where the optimizer is not known
};

/// Who wrote the file that the model came from.
struct Producer {
    std::string dialect;        ///< "keras_v3", "keras_legacy", "safetensors": whose keys the stored_keys are
    std::string flavor;         ///< "keras3", "tf_keras"; empty when unknown
    std::string keras_version;  ///< as written in the file; empty when not there
    std::string backend;  ///< "tensorflow", "theano", …: of legacy files, as written; empty when not there
    /// The layout is not to be chosen again: the model came back out of the metadata of a format without
    /// layers (safetensors), which promises the exact way back, or a template (ConvertOptions::like) gave it.
    /// A writer of `dialect` then writes `flavor` and the stored keys as they are, unless told otherwise.
    bool restored = false;
    bool sharded = false;  ///< the tensors lie in the files of a set
};

/// A model: layers with weights, what training keeps, and what else its file holds. A file without layers is
/// loose tensors alone.
struct Model {
    std::vector<Layer> layers;  ///< layers[root] is the model itself; LayerId = position
    LayerId root = 0;           ///< position in `layers`
    Tree config;           ///< the model's config, verbatim ({class_name, config}); null when there is none
    Tree training_config;  ///< as written; null when there is none
    Producer producer;     ///< of the file it came from
    std::optional<Optimizer> optimizer;  ///< nothing when the file holds no state of one
    std::vector<LooseTensor> loose;      ///< tensors of no layer, in the order of the file
    std::vector<Blob> assets;            ///< bytes that are no tensors, with their names
    Tree metadata;                       ///< format metadata to carry along (safetensors `__metadata__`)

    /// False for loose tensors alone: layers is empty then, without even a root.
    bool has_layers() const noexcept { return !layers.empty(); }
};

}  // namespace ballast
