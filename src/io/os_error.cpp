// SPDX-License-Identifier: Apache-2.0
// Maps errno to error codes and messages.
#include "io/os_error.h"

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

namespace ballast::io {
namespace {

constexpr std::array<std::string_view, 10> verbs = {"open", "list",  "read",   "create", "write",
                                                    "sync", "close", "rename", "remove", "set the mode"};

bool is_reading(Action action) {
    return action == Action::open || action == Action::list || action == Action::read;
}

ErrorCode reading_code(int error_number) {
    switch (error_number) {
        case ENOENT:
        case ENOTDIR:
            return ErrorCode::not_found;
        case EISDIR:
        case ENXIO:
        case ENODEV:
            return ErrorCode::not_a_file;
        case EXDEV:
            return ErrorCode::unsafe_name;  // openat2: the name leaves the root
        case EIO:
            return ErrorCode::read_failed;
        default:
            return ErrorCode::unreadable;
    }
}

ErrorCode writing_code(int error_number) {
    if (is_no_space(error_number)) return ErrorCode::no_space;
    if (error_number == EEXIST) return ErrorCode::exists;
    if (error_number == EXDEV) return ErrorCode::unsafe_name;
    return ErrorCode::write_failed;
}

ErrorCode code_for(Action action, int error_number) {
    if (action == Action::read) return ErrorCode::read_failed;
    if (action == Action::remove && error_number == ENOENT) return ErrorCode::not_found;
    return is_reading(action) ? reading_code(error_number) : writing_code(error_number);
}

std::string_view hint_for(ErrorCode code) {
    switch (code) {
        case ErrorCode::not_found:
            return "check the path";
        case ErrorCode::unreadable:
            return "check the permissions of the file and of its folder";
        case ErrorCode::not_a_file:
            return "give a regular file";
        case ErrorCode::unsafe_name:
            return "files named by a model must lie in the model's own folder";
        case ErrorCode::read_failed:
            return "check the disk, then try again";
        case ErrorCode::no_space:
            return "free some space (or raise the quota) or choose another destination";
        case ErrorCode::exists:
            return "choose another name or allow overwriting";
        default:
            return "check the permissions and the state of the destination's file system";
    }
}

}  // namespace

bool is_no_space(int error_number) noexcept {
    return error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG;
}

Error os_error(Action action, int error_number, std::string_view path) {
    const ErrorCode code = code_for(action, error_number);
    std::string message = "cannot " + std::string(verbs[static_cast<std::size_t>(action)]) + ": " +
                          std::generic_category().message(error_number) + " (errno " +
                          std::to_string(error_number) + ")";
    return Error(code, std::move(message)).in(path).hint(hint_for(code));
}

}  // namespace ballast::io
