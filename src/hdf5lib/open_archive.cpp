// SPDX-License-Identifier: Apache-2.0
// open_hdf5(), apart from hdf5_location(): what needs locations only does not link every format with them.
#include "ballast/hdf5.h"

namespace ballast {

std::shared_ptr<Archive> open_hdf5(hid_t file_or_group, const OpenOptions& options) {
    return open(hdf5_location(file_or_group, options.limits), options);
}

std::shared_ptr<Archive> open_hdf5(const std::filesystem::path& file, const OpenOptions& options) {
    return open(hdf5_location(file, options.limits), options);
}

}  // namespace ballast
