// SPDX-License-Identifier: Apache-2.0
// Models in HDF5 files that the program itself holds open: the C++ twin of passing an h5py.File or Group to
// Keras. Part of the add-on library libballast-hdf5, which links the HDF5 C library; libballast never does.
//
// Who owns what: the caller keeps its handle and closes it; an Archive or Location made here holds a handle
// of its own to the group, so that the file stays open in HDF5 until the last of them is gone. Threads: the
// HDF5 C library is usually not built for several, so everything here takes one lock around its calls, and
// the program must make no HDF5 call of its own from another thread meanwhile. What is read is trusted: the
// HDF5 library crashes on some malformed files. Open untrusted files by path, with ballast::open().
#pragma once

#include <hdf5.h>

#include <concepts>
#include <filesystem>
#include <memory>
#include <string>

#include "ballast/archive.h"
#include "ballast/export.h"
#include "ballast/model.h"
#include "ballast/options.h"
#include "ballast/program_weights.h"
#include "ballast/report.h"

namespace ballast {

/// An open file or group as the source of open() and convert(). Its structure is read at once, tensor bytes
/// when they are asked for, with H5Dread: every filter and storage that the HDF5 library reads is fine. What
/// is written to the file later is not seen. Attributes that are references are left out. Errors:
/// invalid_argument for any other handle, read_failed, limit_exceeded (Limits::objects), unsupported for
/// user-defined links.
BALLAST_API Location hdf5_location(hid_t file_or_group, const Limits& limits = {});

/// A file as the HDF5 C library reads it, for what Ballast's own reader refuses as unsupported (other
/// filters, virtual datasets, data in other files). Only for files that you trust. Errors: also those of a
/// path, and unknown_format when it is no HDF5 file.
BALLAST_API Location hdf5_location(const std::filesystem::path& file, const Limits& limits = {});

/// open() on hdf5_location(), with the limits of the options for both.
///@{
BALLAST_API std::shared_ptr<Archive> open_hdf5(hid_t file_or_group, const OpenOptions& options = {});
BALLAST_API std::shared_ptr<Archive> open_hdf5(const std::filesystem::path& file,
                                               const OpenOptions& options = {});
///@}

/// What to write, and over what.
struct Hdf5SaveOptions {
    std::string format;  ///< "weights_h5" (the default) or "legacy_h5"
    SaveOptions save;    ///< compression is refused, max_shard_size not used
    /// As for files, but: overwriting replaces the members and attributes of the same names in the group and
    /// leaves its others; `durable` flushes the file and goes no further.
    WriteOptions write;
};

/// Writes a model into an open file or group, beside what the program keeps there, as Keras lays it out: a
/// file's root for Keras itself to load, a group for what gives Keras an h5py.Group. Best a group of its own:
/// members of an older model that the new one does not have stay.
///
/// An error before the last step, which gives the members their names, leaves the group as it was (the space
/// of what was written may stay taken). No more: the file is the owner's, so a crash while its HDF5 library
/// writes may damage all of it, and there is no rename that could prevent this. Save to a path where that
/// matters. Errors: as of save(); exists, write_failed, invalid_argument for a format that is no single HDF5
/// file, unsupported for compression.
BALLAST_API Report save_hdf5(const Model& model, hid_t file_or_group, const Hdf5SaveOptions& options = {});
/// The weights of layers that are described by hand, as "weights_h5". Errors: also those of model_of(),
/// unsupported for "legacy_h5". The way back is load_weights() from hdf5_location().
BALLAST_API Report save_hdf5(const ProgramModel& model, hid_t file_or_group,
                             const Hdf5SaveOptions& options = {});

namespace detail {
/// In struct_walk.h, which weights.h includes.
template <class Net>
ProgramModel program_model(Net& net);
}  // namespace detail

/// The weights of a plain struct; include weights.h as well.
template <class Net>
requires(!std::convertible_to<const Net&, const Model&> &&
         !std::convertible_to<const Net&, const ProgramModel&>) Report
    save_hdf5(const Net& net, hid_t file_or_group, const Hdf5SaveOptions& options = {}) {
    return save_hdf5(detail::program_model(net), file_or_group, options);
}

}  // namespace ballast
