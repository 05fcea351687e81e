// SPDX-License-Identifier: Apache-2.0
// What a legacy file lists for a model: its layers, and the weights of each in order, under their names.
//
// A Listing refers to the model, which must outlive it. Const use from any thread.
#pragma once

#include <string>
#include <vector>

#include "ballast/model.h"
#include "model/layout.h"
#include "model/naming.h"
#include "model/order.h"

namespace ballast::keras_legacy {

struct NamedWeight {
    WeightRef ref;
    std::string name;
    std::vector<WeightRef> copies = {};  ///< the same variable as other layers hold it; stored once
};
struct NamedLayer {
    std::string name;
    std::vector<NamedWeight> weights;
};

class Listing {
public:
    /// `own_order`: a file of this dialect goes back to the framework it came from.
    Listing(const Model& model, layout::Framework framework, bool own_order);

    /// In the order of `layer_names`. Throws needs_config when the model does not tell it.
    std::vector<NamedLayer> layers() const;
    /// Throws ambiguous_mapping when the framework stores a variable that the model does not have: it could
    /// not load the file.
    void check_complete() const;
    /// The model's own variables.
    NamedLayer top_level() const;
    /// Weights that the framework's legacy files leave out (a lookup layer's tf-idf table).
    std::vector<WeightRef> left_out() const;

    const std::string& canonical(const WeightRef& ref) const { return names_.weights[ref.layer][ref.weight]; }

private:
    std::vector<NamedLayer> from_keys() const;
    std::vector<NamedLayer> from_classes() const;
    NamedLayer from_class(LayerId top) const;
    void keep_order(std::vector<NamedWeight>& weights) const;

    const Model& model_;
    layout::Framework framework_;
    bool own_;
    bool own_order_;
    CanonicalNames names_;
};

}  // namespace ballast::keras_legacy
