// SPDX-License-Identifier: Apache-2.0
// Archive: an opened file, its index, its metadata, its model, and reading of single tensors.
//
// Immutable; all const methods may be called from any thread at once. Tensors and refs taken from it outlive
// it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ballast/error.h"
#include "ballast/export.h"
#include "ballast/format.h"
#include "ballast/index.h"
#include "ballast/model.h"
#include "ballast/options.h"
#include "ballast/tensor.h"
#include "ballast/tree.h"

namespace ballast {

/// What a format's open() found.
struct ArchiveContents {
    const FormatInfo* format = nullptr;  ///< never null in an Archive
    std::string kind;                    ///< "weights", "model" (with a config), "tensors" (loose ones alone)
    std::shared_ptr<const Index> index;  ///< never null
    std::shared_ptr<Model> model;        ///< what was lifted; its values refer to `index`. Never null.
    Tree metadata;                       ///< what inspect shows besides tensors
    bool used_config = false;            ///< OpenOptions::config decided names, roles and order
    std::vector<std::string> warnings;   ///< odd, but no reason to refuse; one sentence each
    /// Parts that are listed but cannot be converted (a soft link where a weight should be); converting
    /// throws the first.
    std::vector<Error> problems;
};

/// An opened file. Made by open(), shared and immutable from then on; holds the file open until it and all
/// that was taken from it are gone.
class BALLAST_API Archive {
public:
    /// For formats, at the end of Format::open().
    Archive(Location location, ArchiveContents contents);

    /// The format it was read as, which need not be the one that its name promises.
    const FormatInfo& format() const noexcept { return *contents_.format; }
    /// Where it was opened; a set by its manifest, a checkpoint by its prefix.
    const Location& location() const noexcept { return location_; }
    /// "weights", "model" (with a config) or "tensors" (loose ones alone).
    const std::string& kind() const noexcept { return contents_.kind; }
    /// Its tensors; positions in it are what read() takes.
    const Index& index() const noexcept { return *contents_.index; }
    /// The same, to keep after the archive is gone.
    const std::shared_ptr<const Index>& shared_index() const noexcept { return contents_.index; }
    /// The graph that conversions work on; its values refer to index().
    const Model& model() const noexcept { return *contents_.model; }
    /// Moves the model out, for a caller that changes it and owns this archive alone; model() is empty
    /// afterwards.
    Model release_model() { return std::move(*contents_.model); }
    /// What the file says besides tensors, as `ballast inspect` shows it; keys depend on the format.
    const Tree& metadata() const noexcept { return contents_.metadata; }
    /// What was odd about the file, one sentence each; empty = nothing.
    const std::vector<std::string>& warnings() const noexcept { return contents_.warnings; }

    /// Whether the format took OpenOptions::config into account; those without layers of their own do not.
    bool used_config() const noexcept { return contents_.used_config; }
    /// Parts that cannot be read, which is no obstacle to reading the others. convert() throws the first
    /// unless its globs leave it out, diff() and load_weights() throw it always.
    const std::vector<Error>& problems() const noexcept { return contents_.problems; }
    /// For open(): what detection found odd, put before the format's own. Call before the archive is shared.
    void add_warnings(std::vector<std::string> warnings);

    /// Decodes the tensor at this position of index() into `out`, row-major and little-endian. The size of
    /// `out` must be its byte_count() (invalid_argument). Errors: as of reading a file, damaged, truncated,
    /// checksum_mismatch.
    void read(std::size_t position, std::span<std::byte> out) const;
    /// The same without exceptions; gives `out` back.
    Result<std::span<std::byte>> try_read(std::size_t position, std::span<std::byte> out) const noexcept;

    /// The tensor as T: a view into the mapped file where the bytes lie contiguous, aligned and in native
    /// order, else an owned copy. `name` as in Index::find(). Errors: name_not_found, ambiguous_name,
    /// dtype_mismatch, and as of read().
    template <class T>
    Tensor<T> get(std::string_view name) const {
        return typed<T>(bytes_of(name, dtype_of<T>, alignof(T), false));
    }
    /// Only a view; `unaligned` or `not_contiguous` where there cannot be one. Should another program
    /// truncate the file while a view (also one that get() gave) is in use, touching it kills this process
    /// (SIGBUS): use read() for files that others may change.
    template <class T>
    Tensor<T> view(std::string_view name) const {
        return typed<T>(bytes_of(name, dtype_of<T>, alignof(T), true));
    }
    /// get() without exceptions.
    template <class T>
    Result<Tensor<T>> try_get(std::string_view name) const noexcept {
        Result<Bytes> found = try_bytes_of(name, dtype_of<T>, alignof(T));
        if (!found) return found.error();
        return typed<T>(*std::move(found));
    }

private:
    struct Bytes {
        Shape shape;
        std::shared_ptr<const void> owner;
        std::span<const std::byte> bytes;
        bool view = false;
    };
    Bytes bytes_of(std::string_view name, DType expected, std::size_t alignment, bool only_view) const;
    // In the library: callers may be compiled without exceptions.
    Result<Bytes> try_bytes_of(std::string_view name, DType expected, std::size_t alignment) const noexcept;

    template <class T>
    static Tensor<T> typed(Bytes found) {
        const auto* first = reinterpret_cast<const T*>(found.bytes.data());
        return Tensor<T>(std::move(found.shape), std::move(found.owner),
                         std::span<const T>(first, found.bytes.size() / sizeof(T)), found.view);
    }

    Location location_;
    ArchiveContents contents_;
};

/// Opens a file by its content (or options.format). The suffix only breaks ties; a suffix that promises
/// something else gives a warning in Archive::warnings(). Reads the structure only, no tensor bytes. Errors:
/// not_found, unreadable, not_a_file, unknown_format, ambiguous_format, backend_missing, invalid_argument for
/// a format that does not exist, and what the format finds: damaged, truncated, unsupported, limit_exceeded,
/// ….
BALLAST_API std::shared_ptr<Archive> open(const std::filesystem::path& path, const OpenOptions& options = {});
/// The same for a place that is already known, also in memory or in a file system of your own.
BALLAST_API std::shared_ptr<Archive> open(const Location& location, const OpenOptions& options = {});
/// open() without exceptions.
BALLAST_API Result<std::shared_ptr<Archive>> try_open(const std::filesystem::path& path,
                                                      const OpenOptions& options = {}) noexcept;

}  // namespace ballast
