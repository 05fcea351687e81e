// SPDX-License-Identifier: Apache-2.0
// Our own entry in a safetensors file's metadata: the Model the tensors were part of, and a digest that tells
// whether they still are. Pure functions.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/archive.h"
#include "ballast/limits.h"
#include "ballast/model.h"

namespace ballast::safetensors {

/// What the digest and the header see of a tensor.
struct StoredTensor {
    std::string name;
    DType dtype = DType::float32;  ///< as stored: opaque8 is uint8 here
    Shape shape;
};

/// A digest of names, dtypes and shapes; their order does not matter. It finds accidents, not attackers:
/// whoever can change a tensor can change the metadata, too.
std::string digest(std::vector<StoredTensor> tensors);

/// The metadata entry for a model whose i-th tensor (model_tensors) is stored as tensors[i]; opaque[i] when
/// it is an opaque8 stored as U8.
std::string layout_text(const Model& model, const std::vector<StoredTensor>& tensors,
                        const std::vector<bool>& opaque);

/// The Index and Model described by the metadata entry `text`, over the `tensors` of the file; `metadata` are
/// the other entries. An entry that
/// does not fit the tensors, or is of no schema we know, throws an Error whose message says why.
ArchiveContents restore(std::string_view text, std::vector<TensorInfo> tensors, const Tree& metadata,
                        const Limits& limits);

}  // namespace ballast::safetensors
