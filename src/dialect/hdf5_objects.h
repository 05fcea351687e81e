// SPDX-License-Identifier: Apache-2.0
// What the Keras dialects share on top of HDF5: datasets as tensors, attributes as Keras reads them, the
// parsed file of a probe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/format.h"
#include "ballast/index.h"
#include "container/hdf5/read.h"

namespace ballast {

/// The probe's file as HDF5, parsed once; null when it does not begin like one. Damage is thrown as the
/// reader found it.
std::shared_ptr<const hdf5::File> hdf5_file(Probe& probe);

/// A dataset as a tensor without canonical name. bfloat16 and float8 marked by Keras' attribute `dtype` get
/// that type. Throws the dataset's problem, with the tensor's name.
TensorInfo tensor_of(const hdf5::File& file, hdf5::ObjectId dataset);

/// A scalar string attribute; nullopt when absent or of another kind.
std::optional<std::string> text_attribute(const hdf5::File& file, hdf5::ObjectId object,
                                          std::string_view name);

/// A list of names as Keras stores it: fixed or variable strings, split in name0, name1, … when long; an
/// empty list is a float array without elements. nullopt when absent. Throws damaged when it is neither.
std::optional<std::vector<std::string>> name_list(const hdf5::File& file, hdf5::ObjectId object,
                                                  std::string_view name);

/// A typed error for a link where a group or dataset should be, or for an object there that is damaged.
Error link_problem(const hdf5::File& file, const hdf5::Object& link);

/// What to say of a dataset outside of what Keras writes that is sound and no tensor: a program's own text,
/// or nothing at all. Nothing for any other dataset.
std::optional<std::string> foreign_text(const hdf5::File& file, hdf5::ObjectId id);
/// Adds the damage the reader found in single objects, but for objects that already have a problem.
void add_file_problems(const hdf5::File& file, std::vector<Error>& problems);

}  // namespace ballast
