// SPDX-License-Identifier: Apache-2.0
// ModelEditor: applies edits to a lifted model. No bytes are read but those of arrays that must be
// transposed.
//
// Holds a reference to the model, which must outlive it. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/archive.h"
#include "ballast/edit.h"
#include "ballast/model.h"

namespace ballast {

/// Where stored names of a format come from, which decides what a rename changes.
enum class NameScheme : std::uint8_t {
    keras_v3,   ///< group paths; layers bear names besides
    legacy,     ///< layer names and weight names
    canonical,  ///< the tensors are stored under their canonical names (safetensors, npz)
    stored,     ///< under other names of their own
};

/// Errors unless the value can take the place of the tensor: shape_mismatch, dtype_mismatch.
void check_edit_fit(const TensorExpr& value, const TensorExpr& old, const std::string& name);

class ModelEditor {
public:
    /// `model` is the archive's, moved out of it.
    ModelEditor(Model& model, const Archive& archive);

    /// Each returns the number of tensors concerned. Errors as of edit().
    std::size_t rename(const std::string& from, const std::string& to);
    std::size_t set(const std::string& name, const TensorExpr& value);
    std::size_t remove(const std::string& glob);

    NameScheme scheme() const noexcept { return scheme_; }
    /// What the user should know of the renames.
    const std::vector<std::string>& notes() const noexcept { return notes_; }

private:
    enum class Owner : std::uint8_t { layer, optimizer, loose };
    /// One variable of the model and the names it goes by now.
    struct Place {
        Owner owner = Owner::layer;
        LayerId layer = 0;
        std::size_t position = 0;
        TensorExpr* value = nullptr;
        std::string stored, canonical;
    };

    void list_places();
    std::vector<Place*> find(const std::string& name);
    std::vector<Place*> find_exact(const std::string& name, std::string Place::*member);
    Error not_found(const std::string& name) const;
    void require_free(const std::string& stored) const;
    /// Gives the stored tensor of a place other names.
    void retag(const Place& place, const std::string& stored, const std::string& canonical);

    std::size_t rename_v3(const std::string& from, const std::string& to);
    std::size_t rename_v3_tensor(Place& place, const std::string& to);
    std::size_t rename_v3_groups(const std::string& from, const std::string& to);
    std::size_t rename_v3_layer(LayerId layer, const std::string& from, const std::string& to);
    std::size_t rename_legacy(const std::string& from, const std::string& to);
    std::size_t rename_legacy_tensor(Place& place, const std::string& to);
    std::size_t rename_legacy_layer(LayerId layer, const std::string& to);
    void rename_optimizer_keys(const std::string& old_key, const std::string& new_key);
    std::size_t rename_named(const std::string& from, const std::string& to);
    bool rename_in_layout(const std::string& from, const std::string& to);
    void flatten();

    Model& model_;
    std::string prefix_;  ///< of the stored names of a whole legacy model: "model_weights/"
    NameScheme scheme_;
    std::vector<Place> places_;
    std::vector<std::string> notes_;
};

}  // namespace ballast
