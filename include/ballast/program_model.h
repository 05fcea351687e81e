// SPDX-License-Identifier: Apache-2.0
// ProgramModel: a program's layers and tensors with their types erased; what weights.h makes of structs.
//
// For programs whose layers are not plain structs it is a door of its own: add layers and tensors by hand,
// then save_weights() or load_weights() it. It refers to the program's memory, which must stay where it is
// while the ProgramModel is used. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "ballast/dtype.h"
#include "ballast/export.h"
#include "ballast/layer_traits.h"
#include "ballast/model.h"
#include "ballast/tensor.h"

namespace ballast {

/// New elements for one tensor of the program: filled first, put in place when all others are ready, too.
class BALLAST_API StagedTensor {
public:
    virtual ~StagedTensor() = default;
    /// Where the engine puts the elements, in the program's order of them; any thread may write there.
    virtual std::span<std::byte> bytes() = 0;
    /// Puts the elements in place. Called once, on the loading thread, after all tensors are filled.
    virtual void commit() noexcept = 0;
};

/// One tensor of the program.
struct ProgramTensor {
    std::string role;                       ///< "kernel"
    std::string path;                       ///< how the program reaches it, for messages: "blocks[1].kernel"
    DType dtype = DType::float32;           ///< of its elements
    std::optional<Shape> shape;             ///< nothing until it is built
    std::optional<std::uint64_t> elements;  ///< how many there are; nothing = as the shape says
    const void* data = nullptr;             ///< its elements; null until it is built
    bool column_major = false;              ///< the first index runs fastest
    std::optional<std::size_t> rank;        ///< the only one it can take while it is not built
    bool trainable = true;                  ///< by nature: false for a moving mean
    /// Makes room for elements of a shape, without touching the old ones; empty for a tensor that can only be
    /// saved.
    std::function<std::unique_ptr<StagedTensor>(const Shape&)> stage;
};

/// A layer of the program.
struct ProgramLayer {
    std::string name;                          ///< "head"
    std::string class_name;                    ///< "Dense"
    std::string package;                       ///< of a registered custom class
    LayerStyle style = LayerStyle::automatic;  ///< how Keras reaches its layers
    bool trainable = true;                     ///< the layer's own flag
    /// Roles in Keras' order of creation, when the program says so; the rest follow as they were added.
    std::vector<std::string> order;
};

/// How a layer is reached from its parent.
struct ProgramEdge {
    std::string field;                     ///< the attribute
    bool list = false;                     ///< it is an item of a list or dict in that attribute
    std::vector<std::size_t> nested = {};  ///< of lists in that list: the place of each on the way
};

/// The layers of one program's model, as a graph below a root. Copies refer to the same memory.
class BALLAST_API ProgramModel {
public:
    /// The root is the model itself; it may hold tensors of its own.
    explicit ProgramModel(ProgramLayer root);

    static constexpr LayerId root = 0;  ///< the model itself

    /// Adds a layer below `parent`. With an `identity` (its address) that has been added before, only the way
    /// to it is new: the second of the result is false, and the layer must not be filled again.
    std::pair<LayerId, bool> add_layer(LayerId parent, ProgramEdge edge, ProgramLayer layer,
                                       const void* identity = nullptr);
    /// Appends a variable to a layer, within which its role should be the only one of that name. Ids are not
    /// checked: only `root` and those that add_layer() gave.
    void add_tensor(LayerId layer, ProgramTensor tensor);

    /// Which tensor of the program a weight of the graph stands for.
    struct Place {
        LayerId layer = 0;                      ///< in the graph, which may have more layers than the program
        std::uint32_t weight = 0;               ///< position in Layer::weights
        const ProgramTensor* tensor = nullptr;  ///< owned by the ProgramModel
    };
    /// The graph that formats write and alignment fills, with the program's memory as values: a tensor that
    /// is not built has none. Stored keys are those of Keras 3's layout. `places` gets, weight by weight, the
    /// tensor it stands for.
    Model model(std::vector<Place>& places) const;

private:
    struct Node {
        ProgramLayer layer;
        std::vector<std::pair<ProgramEdge, LayerId>> edges;
        std::vector<ProgramTensor> tensors;
    };
    std::vector<Node> nodes_;
    std::unordered_map<const void*, LayerId> shared_;  ///< by identity

    friend class ProgramGraph;
    friend class ProgramSnapshot;
};

}  // namespace ballast
