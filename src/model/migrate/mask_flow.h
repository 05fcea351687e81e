// SPDX-License-Identifier: Apache-2.0
// Which masks the tensors of a functional model have, by Keras 2's config of it. Pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/tree.h"

namespace ballast::migrate {

/// Whether layers of this class merge tensors element by element, and their masks with them.
bool is_merging(std::string_view class_name);
/// Whether the layer merges masks, otherwise in Keras 2 than in Keras 3.
bool merges_masks(const Tree& layer);

/// The masks that are joined (a step counts where none masks it), each by the call that makes it; nothing:
/// not known.
using Masks = std::optional<std::set<std::string>>;

struct MaskedCall {
    const Tree* layer;
    const Tree* node;  ///< as the config has it
    std::string key;   ///< of its (first) output
    std::vector<std::string> inputs;
};

class MaskFlow {
public:
    /// How masks are merged: where they differ, Keras 3 makes another one, or none where an input has none.
    enum class Rule : std::uint8_t { keras2, keras3 };

    /// `layers` is kept by reference. `nested`: the model's inputs may bring masks of their own.
    MaskFlow(const Tree& layers, bool nested, Rule rule);

    const std::vector<MaskedCall>& calls() const noexcept { return calls_; }
    Masks of(const std::string& tensor) const;
    /// The call that makes a mask; null where it comes with an input.
    const MaskedCall* maker(const std::string& key) const;

private:
    Masks joined(const MaskedCall& call) const;
    Masks merged(const MaskedCall& call) const;
    Masks mask_of(const MaskedCall& call) const;

    Rule rule_;
    std::vector<MaskedCall> calls_;
    std::map<std::string, Masks> masks_;  ///< by tensor
};

}  // namespace ballast::migrate
