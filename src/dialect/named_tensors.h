// SPDX-License-Identifier: Apache-2.0
// What formats of named tensors (safetensors, npz) write of a model: its tensors under names of their own,
// and the model they were part of. Refers to the model, which must outlive it. One thread.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ballast/model.h"
#include "ballast/options.h"
#include "ballast/report.h"
#include "dialect/kept_model.h"
#include "model/model_tensors.h"

namespace ballast {

/// What a format of named tensors has to say about them.
struct NamedTensorRules {
    std::string_view format;       ///< for messages
    std::string_view reserved;     ///< a name no tensor may have
    DType (*stored_dtype)(DType);  ///< the type a tensor is stored as, of the same size
};

class NamedTensors {
public:
    /// Applies the options and reports what each tensor becomes.
    NamedTensors(const Model& model, const SaveOptions& options, const NamedTensorRules& rules,
                 Report& report);
    NamedTensors(const NamedTensors&) = delete;
    NamedTensors& operator=(const NamedTensors&) = delete;

    std::size_t size() const noexcept { return values_.size(); }
    const TensorExpr& value(std::size_t position) const { return *values_[position].value; }
    const StoredTensor& tensor(std::size_t position) const { return tensors_[position]; }
    const Model& model() const noexcept { return model_; }

    /// Whether the file must keep more than tensors for an exact way back; not so for plain ones.
    bool needs_kept() const;
    /// Our own entry (kept_model.h), with the model's metadata if the format has no other place for it.
    std::string kept(const Tree& metadata = {}) const;

private:
    std::vector<std::string> stored_names(Names wanted, std::string_view reserved) const;

    std::optional<Model> reduced_;
    const Model& model_;
    std::vector<ModelTensor> values_;    ///< in model order; refers to model_
    std::vector<StoredTensor> tensors_;  ///< of values_
};

}  // namespace ballast
