// SPDX-License-Identifier: Apache-2.0
// What is written of a model: its tensors under their names, and the order they have in a file. Refers to the
// model, which must outlive it. One thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "ballast/model.h"
#include "ballast/options.h"
#include "ballast/report.h"
#include "layout.h"
#include "model/model_tensors.h"

namespace ballast::safetensors {

class Contents {
public:
    /// Applies the options and reports what each tensor becomes.
    Contents(const Model& model, const SaveOptions& options, Report& report);
    Contents(const Contents&) = delete;
    Contents& operator=(const Contents&) = delete;

    std::size_t size() const noexcept { return values_.size(); }
    const TensorExpr& value(std::size_t position) const { return *values_[position].value; }
    const StoredTensor& tensor(std::size_t position) const { return tensors_[position]; }
    /// Positions in the order of a file.
    const std::vector<std::size_t>& order() const noexcept { return order_; }
    const Model& model() const noexcept { return model_; }

    /// The entries of `__metadata__` that came with the model.
    Tree metadata() const;
    /// Our own entry; nothing for plain tensors.
    std::optional<std::string> layout() const;

private:
    std::vector<std::string> stored_names(Names wanted) const;

    std::optional<Model> reduced_;
    const Model& model_;
    std::vector<ModelTensor> values_;    ///< in model order; refers to model_
    std::vector<StoredTensor> tensors_;  ///< of values_
    std::vector<bool> opaque_;           ///< of values_
    std::vector<std::size_t> order_;
};

}  // namespace ballast::safetensors
