// SPDX-License-Identifier: Apache-2.0
// Our own entry in files of named tensors (safetensors, npz): the Model the tensors were part of, and a
// digest that tells whether they still are. Pure functions.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/archive.h"
#include "ballast/limits.h"
#include "ballast/model.h"

namespace ballast {

/// One tensor of a file. The digest sees name, dtype and shape.
struct StoredTensor {
    std::string name;
    DType dtype = DType::float32;  ///< as the file says it: what it has no word for is stored as plain bytes
    Shape shape;
    DType kept = DType::float32;  ///< the tensor's own type, of the same size
};

/// A digest of names, dtypes and shapes; their order does not matter. It finds accidents, not attackers:
/// whoever can change a tensor can change the metadata, too.
std::string digest(std::vector<StoredTensor> tensors);

/// The entry, as JSON, for a model whose i-th tensor (model_tensors) is stored as tensors[i]. `metadata` is
/// kept in it unless null: for formats that have no other place for it.
std::string kept_text(const Model& model, const std::vector<StoredTensor>& tensors,
                      const Tree& metadata = {});

/// The Index and Model described by the entry `text`, over the `tensors` of the file. The model's metadata is
/// what the entry holds. An entry that does not fit the tensors, or is of no schema we know, throws an Error
/// whose message says why; `where` names the entry in messages about its text.
ArchiveContents restore_kept(std::string_view text, std::string_view where, std::vector<TensorInfo> tensors,
                             const Limits& limits);

/// Index and Model of a file whose tensors are all that is known: loose ones.
ArchiveContents loose_contents(std::vector<TensorInfo> tensors, std::string_view dialect);

}  // namespace ballast
