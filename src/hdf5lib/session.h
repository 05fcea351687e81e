// SPDX-License-Identifier: Apache-2.0
// What every call into the HDF5 C library needs: one at a time, silent, handles closed, failures typed.
#pragma once

#include <hdf5.h>

#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "ballast/error.h"

namespace ballast::hdf5lib {

/// Held around HDF5 calls. The library prints its errors unless told otherwise; the owner's setting comes
/// back at the end. May be nested on one thread.
class Session {
public:
    Session();
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

private:
    std::unique_lock<std::recursive_mutex> lock_;
    H5E_auto2_t print_ = nullptr;
    void* print_data_ = nullptr;
    bool silenced_ = false;
};

/// An Error with the innermost reason that HDF5 gives for its last failure.
Error failure(ErrorCode code, const std::string& what);

/// Owns one reference to an HDF5 object of any kind. Destroy it within a Session.
class Handle {
public:
    Handle() = default;
    explicit Handle(hid_t id) noexcept : id_(id) {}
    Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
    Handle& operator=(Handle&& other) noexcept {
        std::swap(id_, other.id_);
        return *this;
    }
    ~Handle() {
        if (id_ >= 0) H5Idec_ref(id_);
    }
    operator hid_t() const noexcept { return id_; }  // NOLINT: passed to C functions
    bool valid() const noexcept { return id_ >= 0; }

private:
    hid_t id_ = H5I_INVALID_HID;
};

/// Which side fails: what is said of a failed call.
struct Side {
    ErrorCode code = ErrorCode::read_failed;

    Handle own(hid_t id, const std::string& what) const {
        if (id < 0) throw failure(code, what);
        return Handle(id);
    }
    template <class Status>
    Status check(Status status, const std::string& what) const {
        if (status < 0) throw failure(code, what);
        return status;
    }
};
inline constexpr Side reading{ErrorCode::read_failed};
inline constexpr Side writing{ErrorCode::write_failed};

/// The group itself, or a file's root group; invalid_argument for anything else.
Handle group_of(hid_t file_or_group);
/// How to open a ScratchFile: by path, but for one of no folder, which HDF5's usual driver does not take.
Handle scratch_access();
/// "file.h5:/group" for messages.
std::string display_of(hid_t group);

}  // namespace ballast::hdf5lib
