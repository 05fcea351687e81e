// SPDX-License-Identifier: Apache-2.0
// What is written of a model, and the order it has in a file. Refers to the model, which must outlive it. One
// thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "dialect/named_tensors.h"

namespace ballast::safetensors {

class Contents : public NamedTensors {
public:
    /// Applies the options and reports what each tensor becomes.
    Contents(const Model& model, const SaveOptions& options, Report& report);

    /// Positions in the order of a file.
    const std::vector<std::size_t>& order() const noexcept { return order_; }
    /// The entries of `__metadata__` that came with the model.
    Tree metadata() const;
    /// Our own entry; nothing for plain tensors.
    std::optional<std::string> layout() const;

private:
    std::vector<std::size_t> order_;
};

}  // namespace ballast::safetensors
