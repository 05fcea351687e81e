// SPDX-License-Identifier: Apache-2.0
// The one error type of Ballast, its codes, and Result<T> for callers that do not want exceptions.
//
// Every failure carries a stable code to act on, the file, the tensor or the byte offset where it was found,
// and a hint that says what to do next. The library never prints, aborts or exits. Error and Result are plain
// values: copy them freely, use one instance from one thread at a time.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "ballast/export.h"

namespace ballast {

/// What went wrong. docs/errors.md is generated from the table behind this enum (src/core/error_table.h).
enum class ErrorCode : std::uint8_t {
    // The caller's words.
    invalid_argument,  ///< an argument or option that makes no sense
    name_not_found,    ///< a tensor name or glob that matches nothing
    ambiguous_name,    ///< an exact name that fits two tensors
    // Reading: not there, or not a format we know.
    not_found,         ///< no such file or directory
    unreadable,        ///< exists, but the system does not let us read it
    not_a_file,        ///< a FIFO, device, socket or directory where a regular file is needed
    read_failed,       ///< the system reported an error while reading
    unknown_format,    ///< no format recognises the content
    ambiguous_format,  ///< two formats claim the content with certainty
    backend_missing,   ///< the format is known but was left out of this build
    // Reading: recognised, but the bytes are wrong.
    damaged,            ///< the bytes contradict the format
    truncated,          ///< the file ends before something it promises
    checksum_mismatch,  ///< a stored checksum does not fit the bytes
    limit_exceeded,     ///< a size or count above the Limits in force
    // Reading: recognised and well formed, but outside of what we do.
    unsupported,         ///< a feature of the format that we do not read or write
    external_reference,  ///< the file points at bytes outside of itself
    unsafe_name,         ///< a name in a file that would leave its folder
    // Mapping.
    unsupported_dtype,  ///< the target format cannot hold this element type
    shape_mismatch,     ///< two shapes that should be equal are not
    dtype_mismatch,     ///< two element types that should be equal are not
    unaligned,          ///< a view of typed data was asked for at an odd address
    not_contiguous,     ///< a view was asked for of data that is not stored in one piece
    needs_config,       ///< layer classes or order are needed and not in the source
    ambiguous_mapping,  ///< more than one mapping fits, or none
    lossy,              ///< weights, assets or precision would be lost
    // Writing.
    exists,           ///< the destination exists and overwriting was not allowed
    symlink_refused,  ///< the destination is a symbolic link
    not_atomic,       ///< the file system cannot replace the old state in one step
    write_failed,     ///< the system reported an error while writing
    no_space,         ///< disk full, quota or size limit
    // Neither.
    cancelled,      ///< a callback or signal asked to stop
    out_of_memory,  ///< an allocation failed
    internal,       ///< a bug in Ballast
};

/// Groups of codes that callers (and the tool's exit status) act on alike.
enum class ErrorKind : std::uint8_t { usage, unreadable, damaged, refused, output, cancelled, internal };

/// The code's stable name, e.g. "unknown_format". Static storage.
BALLAST_API std::string_view to_string(ErrorCode code) noexcept;
/// The group a code belongs to.
BALLAST_API ErrorKind kind_of(ErrorCode code) noexcept;
/// One sentence on what the code means. Static storage.
BALLAST_API std::string_view describe(ErrorCode code) noexcept;

/// The one exception type that Ballast throws. Build it with the chained setters:
/// `throw Error(code, "…").in(path).at(offset)`.
class BALLAST_API Error : public std::exception {
public:
    /// `message` says what is wrong, without the path, the tensor and the offset, which have places of their
    /// own.
    Error(ErrorCode code, std::string message);

    /// The file (or prefix, or directory) concerned; keeps the first one given.
    ///@{
    Error& in(std::string_view path) &;
    Error&& in(std::string_view path) &&;
    ///@}
    /// Byte offset in that file; keeps the first one given.
    ///@{
    Error& at(std::uint64_t offset) &;
    Error&& at(std::uint64_t offset) &&;
    ///@}
    /// The tensor concerned; keeps the first one given.
    ///@{
    Error& tensor(std::string_view name) &;
    Error&& tensor(std::string_view name) &&;
    ///@}
    /// What the user can do next; keeps the first one given.
    ///@{
    Error& hint(std::string_view text) &;
    Error&& hint(std::string_view text) &&;
    ///@}

    /// Stable: programs may act on it.
    ErrorCode code() const noexcept { return code_; }
    /// The group of the code.
    ErrorKind kind() const noexcept { return kind_of(code_); }
    /// The bare sentence. It and the names below are as they came, not escaped for terminals.
    const std::string& message() const noexcept { return message_; }
    /// The file concerned; empty when none is.
    const std::string& path() const noexcept { return path_; }
    /// In bytes from the start of path(); nothing when no place in a file is meant.
    const std::optional<std::uint64_t>& offset() const noexcept { return offset_; }
    /// The tensor, or another named part of a file (a zip member, an asset); empty when none is meant.
    const std::string& tensor() const noexcept { return tensor_; }
    /// What to do next; empty when there is no advice.
    const std::string& hint() const noexcept { return hint_; }

    /// "path: message (tensor 'x', at offset n) [code]"; the hint is not part of it. Names are escaped for
    /// terminals.
    const char* what() const noexcept override;

private:
    void rebuild();

    ErrorCode code_;
    std::string message_;
    std::string path_;
    std::optional<std::uint64_t> offset_;
    std::string tensor_;
    std::string hint_;
    std::string what_;
};

/// A value or an Error. What the `try_…` functions return; they never throw: any other exception becomes an
/// Error, out_of_memory or internal.
template <class T>
class Result {
public:
    /// Implicit, so that a function can return either.
    ///@{
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit on purpose
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit on purpose
    ///@}

    /// Whether it holds the value.
    ///@{
    bool ok() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }
    ///@}
    /// The value; calling it on an error is undefined, test ok() first.
    ///@{
    T& operator*() & noexcept { return *std::get_if<0>(&state_); }
    const T& operator*() const& noexcept { return *std::get_if<0>(&state_); }
    T&& operator*() && noexcept { return std::move(*std::get_if<0>(&state_)); }
    T* operator->() noexcept { return std::get_if<0>(&state_); }
    const T* operator->() const noexcept { return std::get_if<0>(&state_); }
    ///@}
    /// The error; calling it on a value is undefined.
    const Error& error() const noexcept { return *std::get_if<1>(&state_); }

private:
    std::variant<T, Error> state_;
};

}  // namespace ballast
