// SPDX-License-Identifier: Apache-2.0
// Attributes of an HDF5 file as metadata. Pure functions; any thread.
#pragma once

#include "ballast/tree.h"
#include "container/hdf5/read.h"

namespace ballast::plain_hdf5 {

/// An attribute's value: text, numbers and booleans as themselves, arrays nested by their shape, complex
/// numbers as
/// {"r", "i"}, opaque bytes as {"hex"}, h5py's Empty as null. Where that would be too much, or the value was
/// not decoded, an object that says what there is: {"dtype", "shape", "problem"}.
Tree attribute_tree(const hdf5::Attribute& attribute);

/// Values nested by a shape, row-major. Their number is the shape's.
Tree nested(const Shape& shape, std::vector<Tree> values);

}  // namespace ballast::plain_hdf5
