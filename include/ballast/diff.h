// SPDX-License-Identifier: Apache-2.0
// diff: what distinguishes two files, across formats and dialects.
//
//   ballast::Diff found = ballast::diff("epoch-07.weights.h5", "epoch-07.safetensors");
//   if (!found.same()) …
//
// Tensors are paired by stored name when both files are of one format, kind and flavour, else by canonical
// name; what is left over by the other name, and then by equal contents (renamed). Values are read in
// parallel, a MiB at a time. Without a tolerance they are compared bit by bit: NaN equals a NaN of the same
// bits, 0 differs from -0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/archive.h"
#include "ballast/export.h"
#include "ballast/options.h"
#include "ballast/tree.h"

namespace ballast {

/// What counts as a difference, and how much of the files to compare.
struct DiffOptions {
    OpenOptions open;  ///< for both files; a config names the layers of both
    /// Largest difference of two elements that are taken as equal, as float64; then any NaN equals any NaN,
    /// and floating-point types may differ.
    std::optional<double> tolerance;
    bool weights_only = false;         ///< leave optimizer and metric state out
    std::vector<std::string> include;  ///< globs of tensors to compare, in either file; empty = all
    unsigned threads = 0;              ///< 0 = one a processor, at most 8
    ProgressCallback progress;         ///< bytes of both files; on the calling thread
    CancelCallback cancel;             ///< ends with `cancelled`
};

/// One thing that differs. Names are canonical, or stored where tensors were paired by those.
struct TensorChange {
    /// In what; a pair may have several entries. renamed: paired by the other name or by equal contents;
    /// dtype: values are then compared only between floating types under a tolerance; shape: then they are
    /// not.
    enum class Kind : std::uint8_t { only_in_a, only_in_b, renamed, dtype, shape, values };
    Kind kind = Kind::values;  ///< the way they differ
    /// Empty where the tensor is absent; then its dtype and shape mean nothing.
    ///@{
    std::string name_a, name_b;
    DType dtype_a = DType::float32, dtype_b = DType::float32;
    Shape shape_a, shape_b;
    ///@}
    // Of `values`:
    /// Of either tensor, and how many of these differ (by more than the tolerance, if there is one).
    ///@{
    std::uint64_t elements = 0, different = 0;
    ///@}
    std::optional<double> largest;  ///< distance of two elements; nothing where that is no number
    bool counts = true;             ///< false: told, but no difference (a dtype under a tolerance)
};
/// "only_in_a", "values", …, as in to_tree(). Static storage.
BALLAST_API std::string_view to_string(TensorChange::Kind kind) noexcept;

/// Something besides tensors that differs: format, producer, a node of a config, user metadata, an asset.
struct MetadataChange {
    std::string key;  ///< "keras_version", "config.layers[1].config.units"
    /// Its value in A and in B: JSON, shortened, or plain text; empty where the file has none.
    ///@{
    std::string a, b;
    ///@}
    bool counts = true;  ///< false: told, but no difference (see Diff::same())
};

/// The answer: what differs, and how much was compared.
struct Diff {
    /// What is in one file only; then names, dtypes and shapes; then values.
    std::vector<TensorChange> tensors;
    std::vector<MetadataChange> metadata;  ///< at most 100 nodes of configs and metadata, then assets
    std::vector<std::string> notes;        ///< what to know of the comparison itself
    /// Paths as messages show them, and ids of formats.
    ///@{
    std::string path_a, path_b, format_a, format_b;
    ///@}
    std::size_t pairs = 0;       ///< tensors that are in both
    std::size_t same_pairs = 0;  ///< of these without any difference
    std::uint64_t bytes = 0;     ///< decoded size of A's paired tensors

    /// Whether nothing that counts differs. Metadata counts between files of one format, kind and flavour:
    /// configs and a format's user metadata; producers and versions are told only.
    BALLAST_API bool same() const noexcept;
    /// {"schema": 1, "a", "b", "same", "pairs", "same_pairs", "tensors": […], "metadata": […], "notes": […]}
    BALLAST_API Tree to_tree() const;
};

/// Compares two open files. Errors: as of reading, `cancelled`, and the first problem of a file whose tensors
/// cannot all be read.
BALLAST_API Diff diff(const Archive& a, const Archive& b, const DiffOptions& options = {});
/// Opens and compares. When only one of the files holds the model's config it names the other's layers, too.
BALLAST_API Diff diff(const Location& a, const Location& b, const DiffOptions& options = {});
/// The same for local paths.
BALLAST_API Diff diff(const std::filesystem::path& a, const std::filesystem::path& b,
                      const DiffOptions& options = {});

}  // namespace ballast
