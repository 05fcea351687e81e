// SPDX-License-Identifier: Apache-2.0
// The lock, the silence and the error texts of the HDF5 C library.
#include "hdf5lib/session.h"

#include <array>

namespace ballast::hdf5lib {
namespace {

std::recursive_mutex& library_mutex() {
    static std::recursive_mutex mutex;
    return mutex;
}

extern "C" herr_t ballast_keep_first_reason(unsigned, const H5E_error2_t* error, void* text) {
    auto& reason = *static_cast<std::string*>(text);
    try {
        if (reason.empty() && error->desc) reason = error->desc;
    } catch (...) {  // no memory for the text: the failure is reported without it
    }
    return 0;
}

}  // namespace

Session::Session() : lock_(library_mutex()) {
    silenced_ = H5Eget_auto2(H5E_DEFAULT, &print_, &print_data_) >= 0 &&
                H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr) >= 0;
}

Session::~Session() {
    if (silenced_) H5Eset_auto2(H5E_DEFAULT, print_, print_data_);
}

Error failure(ErrorCode code, const std::string& what) {
    std::string reason;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, ballast_keep_first_reason, &reason);
    const bool full =
        reason.find("errno = 28") != std::string::npos;  // ENOSPC, which HDF5 says in words only
    return Error(full ? ErrorCode::no_space : code,
                 "HDF5 could not " + what + (reason.empty() ? "" : ": " + reason));
}

Handle group_of(hid_t file_or_group) {
    const H5I_type_t kind = H5Iget_type(file_or_group);
    if (kind == H5I_FILE)
        return reading.own(H5Gopen2(file_or_group, "/", H5P_DEFAULT), "open the root group");
    if (kind == H5I_GROUP) return reading.own(H5Gopen2(file_or_group, ".", H5P_DEFAULT), "open the group");
    throw Error(ErrorCode::invalid_argument, "the handle is not that of an open HDF5 file or group")
        .hint("pass what H5Fopen, H5Fcreate, H5Gopen2 or H5Gcreate2 returned, before it is closed");
}

Handle scratch_access() {
    // The default driver wants to know what its file is really called; this one opens the path and no more.
    Handle access = writing.own(H5Pcreate(H5P_FILE_ACCESS), "describe a file in memory");
    writing.check(H5Pset_fapl_stdio(access), "describe a file in memory");
    return access;
}

std::string display_of(hid_t group) {
    std::array<char, 4096> file{}, name{};
    const bool known =
        H5Fget_name(group, file.data(), file.size()) > 0 && H5Iget_name(group, name.data(), name.size()) > 0;
    return known ? std::string(file.data()) + ":" + name.data() : "an open HDF5 group";
}

}  // namespace ballast::hdf5lib
