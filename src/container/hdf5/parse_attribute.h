// SPDX-License-Identifier: Apache-2.0
// Attribute messages of versions 1 to 3, with their values decoded.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "container/hdf5/parse_datatype.h"
#include "container/hdf5/parse_global_heap.h"
#include "container/hdf5/parse_header.h"
#include "container/hdf5/parse_messages.h"
#include "container/hdf5/parse_shared.h"
#include "container/hdf5/read.h"

namespace ballast::hdf5 {

/// Reads types. Remembers the last one, since files repeat a few.
class TypeReader {
public:
    explicit TypeReader(Metadata& metadata) : metadata_(metadata) {}
    /// `cursor` covers a message's body, or the type field of an attribute. Valid until the next call.
    const Datatype& read(Cursor& cursor);

private:
    Metadata& metadata_;
    std::vector<std::byte> last_bytes_;
    std::size_t last_size_ = 0;
    Datatype last_;
};

/// A string of a fixed field without what fills it up.
std::string_view without_padding(std::string_view text, format::StringPadding padding);
/// The text a variable-length element refers to, ended by the first NUL. Errors: damaged, limit_exceeded.
std::string read_variable_text(Metadata& metadata, GlobalHeap& heap, Cursor& cursor);

class AttributeReader {
public:
    AttributeReader(Metadata& metadata, SharedReader& shared, TypeReader& types, GlobalHeap& heap)
        : metadata_(metadata), shared_(shared), types_(types), heap_(heap) {}
    /// Appends all attributes of the object with this header. An attribute whose value is damaged is listed
    /// with a problem, one without a name is not; the first such error goes to `damage`. Errors: damaged (two
    /// of one name too), limit_exceeded.
    void read(const ObjectHeader& header, std::vector<Attribute>& out, std::optional<Error>& damage);

private:
    template <class Find>
    void add(std::vector<Attribute>& out, Find find);
    Attribute parse(Cursor cursor);
    void parse_described(Cursor& cursor, Cursor type_field, Cursor space_field, unsigned flags,
                         Attribute& attribute);
    void parse_value(Cursor& cursor, const Datatype& type, const Dataspace& space, Attribute& attribute);
    void parse_strings(Cursor& cursor, const Datatype& type, std::uint64_t count, Attribute& attribute);
    void check_unique(const ObjectHeader& header, std::span<const Attribute> attributes);

    Metadata& metadata_;
    SharedReader& shared_;
    TypeReader& types_;
    GlobalHeap& heap_;
    std::optional<Error>* damage_ = nullptr;
};

}  // namespace ballast::hdf5
