// SPDX-License-Identifier: Apache-2.0
// Lifting: collects what a dialect finds in a file and turns it into an Index and a Model that refer to each
// other.
//
// A dialect fills `model` (layers, edges, weights without values) and binds each stored tensor to its place.
// finish() computes the canonical names, builds the Index and puts the values in. Use from one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ballast/archive.h"
#include "ballast/index.h"
#include "ballast/model.h"

namespace ballast {

class Lifting {
public:
    Model model;
    std::vector<std::string> warnings;
    std::vector<Error> problems;
    std::vector<Blob> blobs;  ///< listed in the index, and the model's assets

    /// Takes the memory for so many layers and tensors at once: growing vectors hold everything twice.
    void reserve(std::size_t layers, std::size_t tensors);
    /// Adds a layer below `parent` and returns its id.
    LayerId add_layer(LayerId parent, Edge::Kind kind, std::string edge_key);
    /// The tensor is model.layers[layer].weights[weight].
    void bind(LayerId layer, std::size_t weight, TensorInfo tensor);
    /// The tensor bound last is that weight as well (one variable seen from two layers).
    void bind_copy(LayerId layer, std::size_t weight);
    /// Appends the weight to the layer and binds it.
    void add_weight(LayerId layer, Weight weight, TensorInfo tensor);
    /// Appends an optimizer variable (model.optimizer must exist). Named optimizer/<slot>/<weight>, or by
    /// ordinal.
    void add_optimizer_variable(OptimizerVariable variable, TensorInfo tensor);
    /// Appends a tensor outside of the layers; its part is tensor.part, its canonical name `name`.
    void add_loose(std::string name, TensorInfo&& tensor);

    enum class IndexOrder : std::uint8_t {
        as_bound,
        natural
    };  ///< natural: by stored name, digits as numbers
    /// Index, model, warnings and problems; format, kind and metadata are the caller's.
    ArchiveContents finish(IndexOrder order);

private:
    enum class Place : std::uint8_t { layer, optimizer, loose };
    /// Where a tensor's value goes.
    struct Slot {
        std::uint32_t tensor = 0;  ///< position in tensors_
        Place place = Place::layer;
        LayerId layer = 0;
        std::uint32_t position = 0;
    };
    void add_slot(Place place, LayerId layer, std::size_t position, TensorInfo&& tensor);
    void name_tensors();
    void sort_tensors();
    void put(const Slot& slot, TensorExpr value);

    std::vector<TensorInfo> tensors_;
    std::vector<Slot> slots_;  ///< one or more a tensor
};

}  // namespace ballast
