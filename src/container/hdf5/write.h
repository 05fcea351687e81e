// SPDX-License-Identifier: Apache-2.0
// hdf5::Builder: describes an HDF5 file and lays it out; the engine writes it.
//
// The layout is Keras' own: superblock 0, old-style groups, version 1 headers, contiguous data, attributes as
// h5py writes them. The same calls give the same bytes; names are sorted, no times are stored. Use from one
// thread. Memory: about 125 bytes an object, names and plan included; structure bytes are produced while they
// are written, never held whole. Source of the recipe: docs/formats/hdf5.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/model.h"
#include "ballast/options.h"
#include "ballast/plan.h"

namespace ballast::hdf5 {

class ChunkPlaces;

/// A file laid out. `chunks` is what gives compressed chunks their places; null when there are none.
struct Planned {
    PlannedFile file;
    std::shared_ptr<ChunkPlaces> chunks;
};

/// Appends the file to the plan, and to its hooks where it has chunks. Other hooks than these make no HDF5
/// file.
void add_to(WritePlan& plan, Planned planned);

class Builder {
public:
    using Id = std::uint32_t;

    Builder();
    ~Builder();
    Builder(Builder&&) noexcept;
    Builder& operator=(Builder&&) noexcept;

    /// The root group.
    Id root() const noexcept { return 0; }
    /// The child group of that name, created on first use. Errors: invalid_argument for an empty name, "/",
    /// NUL, "." or a name taken by a dataset.
    Id group(Id parent, std::string_view name);
    /// As group() for every component of "a/b/c".
    Id groups(Id parent, std::string_view path);
    /// A contiguous dataset holding `value`. bool is an enum, bfloat16 and opaque8 are opaque, complex a
    /// compound {r,i}, as h5py stores them; no attribute is added by itself. Errors: unsupported_dtype,
    /// invalid_argument (name taken).
    Id dataset(Id parent, std::string_view name, TensorExpr value);

    enum class Charset : std::uint8_t { ascii, utf8 };
    /// A scalar variable-length string, as h5py stores a Python str (utf8) or bytes (ascii).
    void attribute(Id object, std::string_view name, std::string_view value, Charset charset);
    /// A one-dimensional list of strings as Keras stores layer_names and weight_names: variable-length
    /// strings marked ASCII (h5py's form of bytes, UTF-8 or not); an empty list as float64 of shape (0,).
    /// When the list as an array of its longest name would exceed 64512 bytes it is split as Keras splits it,
    /// in name0, name1, … of fixed-length strings; so is a list of too many short names, where Keras fails. A
    /// single name above the bound is limit_exceeded.
    void name_list(Id object, std::string_view name, const std::vector<std::string>& values);
    /// A numeric attribute; `bytes` are little-endian, row-major.
    void attribute(Id object, std::string_view name, DType dtype, const Shape& shape,
                   std::vector<std::byte> bytes);

    /// Datasets added from now on are cut in chunks and compressed, those too small to gain from it apart.
    void compress(const Compression& compression);

    /// Lays the file out; the builder is empty afterwards, also when this throws (limit_exceeded). The
    /// result's pieces keep what they need. Structure comes first, then the tensors in the order of dataset()
    /// calls: insert them in the order they lie in their source, and both files are walked forwards.
    Planned plan_with_chunks(std::string file_name);
    /// The same for a file that nothing was compressed in.
    PlannedFile plan(std::string file_name);

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace ballast::hdf5
