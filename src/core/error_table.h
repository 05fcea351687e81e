// SPDX-License-Identifier: Apache-2.0
// What every error code means: the source of to_string(), the tool's exit status and docs/errors.md.
#pragma once

#include <array>
#include <string_view>

#include "ballast/error.h"

namespace ballast {

struct ErrorRow {
    ErrorCode code;
    std::string_view name;
    ErrorKind kind;
    std::string_view meaning;
};

inline constexpr std::array error_table = {
    ErrorRow{ErrorCode::invalid_argument, "invalid_argument", ErrorKind::usage,
             "An argument or option makes no sense."},
    ErrorRow{ErrorCode::name_not_found, "name_not_found", ErrorKind::usage,
             "No tensor has this name, or the pattern matches none."},
    ErrorRow{ErrorCode::ambiguous_name, "ambiguous_name", ErrorKind::refused,
             "The name fits more than one tensor."},
    ErrorRow{ErrorCode::not_found, "not_found", ErrorKind::unreadable, "There is no such file or folder."},
    ErrorRow{ErrorCode::unreadable, "unreadable", ErrorKind::unreadable,
             "The system does not let us open it."},
    ErrorRow{ErrorCode::not_a_file, "not_a_file", ErrorKind::unreadable,
             "It is a folder, pipe or device where a file is needed."},
    ErrorRow{ErrorCode::read_failed, "read_failed", ErrorKind::unreadable,
             "The system reported an error while reading."},
    ErrorRow{ErrorCode::unknown_format, "unknown_format", ErrorKind::unreadable,
             "No format recognises the content."},
    ErrorRow{ErrorCode::ambiguous_format, "ambiguous_format", ErrorKind::refused,
             "Two formats claim the content; name one."},
    ErrorRow{ErrorCode::backend_missing, "backend_missing", ErrorKind::unreadable,
             "The format was left out of this build."},
    ErrorRow{ErrorCode::damaged, "damaged", ErrorKind::damaged, "The bytes contradict the format."},
    ErrorRow{ErrorCode::truncated, "truncated", ErrorKind::damaged,
             "The file ends before something it promises."},
    ErrorRow{ErrorCode::checksum_mismatch, "checksum_mismatch", ErrorKind::damaged,
             "A stored checksum does not fit the bytes."},
    ErrorRow{ErrorCode::limit_exceeded, "limit_exceeded", ErrorKind::refused,
             "A size or count is above the limits in force."},
    ErrorRow{ErrorCode::unsupported, "unsupported", ErrorKind::refused,
             "A feature of the format that Ballast does not read or write."},
    ErrorRow{ErrorCode::external_reference, "external_reference", ErrorKind::refused,
             "The file points at bytes outside of itself."},
    ErrorRow{ErrorCode::unsafe_name, "unsafe_name", ErrorKind::refused, "A name would leave its folder."},
    ErrorRow{ErrorCode::unsupported_dtype, "unsupported_dtype", ErrorKind::refused,
             "The target cannot hold this element type."},
    ErrorRow{ErrorCode::shape_mismatch, "shape_mismatch", ErrorKind::refused,
             "Two shapes that should be equal are not."},
    ErrorRow{ErrorCode::dtype_mismatch, "dtype_mismatch", ErrorKind::refused,
             "Two element types that should be equal are not."},
    ErrorRow{ErrorCode::unaligned, "unaligned", ErrorKind::refused,
             "A view of typed data was asked for at an odd address."},
    ErrorRow{ErrorCode::not_contiguous, "not_contiguous", ErrorKind::refused,
             "A view was asked for of data not stored in one piece."},
    ErrorRow{ErrorCode::needs_config, "needs_config", ErrorKind::refused,
             "Layer classes or their order are needed and not in the source."},
    ErrorRow{ErrorCode::ambiguous_mapping, "ambiguous_mapping", ErrorKind::refused,
             "More than one mapping fits, or none."},
    ErrorRow{ErrorCode::lossy, "lossy", ErrorKind::refused, "Weights, assets or precision would be lost."},
    ErrorRow{ErrorCode::exists, "exists", ErrorKind::refused,
             "The destination exists and overwriting was not allowed."},
    ErrorRow{ErrorCode::symlink_refused, "symlink_refused", ErrorKind::refused,
             "The destination is a symbolic link."},
    ErrorRow{ErrorCode::not_atomic, "not_atomic", ErrorKind::refused,
             "The file system cannot replace the old state in one step."},
    ErrorRow{ErrorCode::write_failed, "write_failed", ErrorKind::output,
             "The system reported an error while writing."},
    ErrorRow{ErrorCode::no_space, "no_space", ErrorKind::output,
             "The disk is full, or a quota or size limit was reached."},
    ErrorRow{ErrorCode::cancelled, "cancelled", ErrorKind::cancelled, "The operation was asked to stop."},
    ErrorRow{ErrorCode::out_of_memory, "out_of_memory", ErrorKind::internal, "There was not enough memory."},
    ErrorRow{ErrorCode::internal, "internal", ErrorKind::internal, "A bug in Ballast; please report it."},
};

}  // namespace ballast
