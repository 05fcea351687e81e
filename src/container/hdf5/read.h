// SPDX-License-Identifier: Apache-2.0
// hdf5::File: the structure of an HDF5 file, parsed by our own bounded reader; no tensor bytes are read.
//
// Parsing is iterative and checks every length against the file and the Limits before taking memory. The
// result is immutable and may be shared between threads. Format facts: docs/formats/hdf5.md, constants in
// format.h beside this file.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ballast/error.h"
#include "ballast/index.h"
#include "ballast/limits.h"

namespace ballast::hdf5 {

using ObjectId = std::uint32_t;
inline constexpr ObjectId no_object = 0xffffffff;

/// `unreadable`: a hard link to something whose header is damaged, see File::problems.
enum class ObjectKind : std::uint8_t {
    group,
    dataset,
    committed_type,
    soft_link,
    external_link,
    other_link,
    unreadable,
};

/// One link of the tree. Objects are numbered so that the children of a group are consecutive, in the order
/// the file lists them (old-style groups: sorted by name bytes). Object 0 is the root group.
struct Object {
    std::string name;  ///< link name, raw bytes; empty for the root
    ObjectId parent = no_object;
    ObjectKind kind = ObjectKind::group;
    std::uint64_t address = 0;  ///< of the object header, as a file position
    ObjectId first_child = 0;
    std::uint32_t child_count = 0;
    std::uint32_t first_attribute = 0;
    std::uint32_t attribute_count = 0;
    std::uint32_t dataset = 0;  ///< position in the dataset table, for datasets
    ObjectId alias_of =
        no_object;  ///< the first object met with the same header (hard links), else no_object
};

/// An attribute with its decoded value. Strings, fixed and variable, are in `strings`; other types raw in
/// `bytes` (stored byte order). An attribute of a type we do not decode has neither, and `problem` says why.
struct Attribute {
    std::string name;
    bool is_string = false;
    DType dtype = DType::string;
    bool big_endian = false;
    bool is_null = false;              ///< neither shape nor value (h5py's Empty)
    Shape shape;                       ///< () for a scalar
    std::vector<std::string> strings;  ///< row-major; padding removed
    std::vector<std::byte> bytes;
    std::string problem;
};

/// A dataset's description. When `problem` is set the data cannot serve as a tensor (compound, vlen, external
/// storage, unknown filter, …): the dataset is still listed, and use of it throws the Error.
struct Dataset {
    DType dtype = DType::opaque8;
    Shape shape;
    Storage storage;
    std::uint64_t stored_bytes = 0;
    std::string type_name;  ///< for people: "compound", "float32", "string[12]"
    std::shared_ptr<const Error> problem;
    bool is_null = false;  ///< neither shape nor data (h5py's Empty)
    /// Text is no tensor (`problem` says so), but is stored soundly: read_strings decodes it.
    enum class Text : std::uint8_t { none, fixed, variable };
    Text text = Text::none;
    std::uint8_t text_padding = 0;  ///< a format::StringPadding
    std::uint32_t element_size = 0;
};

class File {
public:
    /// Throws damaged, truncated, limit_exceeded, unsupported with path and offset.
    static std::shared_ptr<const File> parse(std::shared_ptr<const io::Source> source, const Limits& limits);
    /// Whether the bytes begin with an HDF5 superblock (at 0, or after a user block at 512, 1024, …).
    static bool recognise(const io::Source& source);

    const std::shared_ptr<const io::Source>& source() const noexcept { return source_; }
    const std::string& path() const noexcept { return source_->path(); }
    std::span<const Object> objects() const noexcept { return objects_; }
    const Object& object(ObjectId id) const noexcept { return objects_[id]; }
    std::span<const Object> children(ObjectId id) const noexcept {
        return std::span(objects_).subspan(objects_[id].first_child, objects_[id].child_count);
    }
    ObjectId id_of(const Object& object) const noexcept {
        return static_cast<ObjectId>(&object - objects_.data());
    }
    std::span<const Attribute> attributes(ObjectId id) const noexcept {
        return std::span(attributes_).subspan(objects_[id].first_attribute, objects_[id].attribute_count);
    }
    /// nullptr when there is none.
    const Attribute* attribute(ObjectId id, std::string_view name) const noexcept;
    /// Dataset of an object of kind dataset.
    const Dataset& dataset(ObjectId id) const noexcept { return datasets_[objects_[id].dataset]; }
    /// A child by name, or a descendant by path "a/b/c" (each component non-empty); no_object when absent.
    ObjectId find(ObjectId from, std::string_view path) const noexcept;
    /// Path from the root without leading '/'.
    std::string path_of(ObjectId id) const;
    /// Of a soft link the path; of an external one "file:path"; empty for others.
    std::string_view link_target(ObjectId id) const noexcept;
    /// Damage to single objects other than datasets, each with the object's path: headers, links, attributes
    /// that could not be read. The rest of the file is listed all the same.
    std::span<const Error> problems() const noexcept { return problems_; }
    /// Things worth telling the user: trailing bytes, marks of an unfinished write, cycles not entered.
    const std::vector<std::string>& warnings() const noexcept { return warnings_; }

private:
    friend class FileParser;
    friend class FileMerger;
    friend std::vector<std::string> read_strings(const File&, ObjectId, const Limits&);
    File() = default;
    std::shared_ptr<const io::Source> source_;
    std::vector<Object> objects_;
    std::vector<Attribute> attributes_;
    std::vector<Dataset> datasets_;
    std::vector<std::pair<ObjectId, std::string>> targets_;  ///< by id
    std::vector<Error> problems_;
    std::vector<std::string> warnings_;
    struct Widths {
        std::uint64_t base = 0;
        std::uint8_t offset_size = 8, length_size = 8;
    } widths_;
};

/// The elements of a dataset of text, row-major, without padding. `limits.attribute_bytes`
/// bounds the text's bytes altogether. Errors: the
/// dataset's own problem when it is no text, damaged, limit_exceeded, those of reading data.
std::vector<std::string> read_strings(const File& file, ObjectId dataset, const Limits& limits);

}  // namespace ballast::hdf5
