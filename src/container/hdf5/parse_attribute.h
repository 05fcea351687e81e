// SPDX-License-Identifier: Apache-2.0
// Attribute messages of versions 1 to 3, with their values decoded.
#pragma once

#include <string>
#include <vector>

#include "container/hdf5/parse_datatype.h"
#include "container/hdf5/parse_global_heap.h"
#include "container/hdf5/parse_header.h"
#include "container/hdf5/parse_messages.h"
#include "container/hdf5/read.h"

namespace ballast::hdf5 {

/// Reads types, following committed ones. Remembers the last type, since files repeat a few.
class TypeReader {
public:
    explicit TypeReader(Metadata& metadata) : metadata_(metadata) {}
    /// `cursor` covers the message body, or the type field of an attribute. Valid until the next call.
    const Datatype& read(Cursor& cursor, bool shared);

private:
    const Datatype& decode(Cursor& cursor);

    Metadata& metadata_;
    ObjectHeader committed_;
    std::vector<std::byte> last_bytes_;
    std::size_t last_size_ = 0;
    Datatype last_;
};

class AttributeReader {
public:
    AttributeReader(Metadata& metadata, TypeReader& types, GlobalHeap& heap)
        : metadata_(metadata), types_(types), heap_(heap) {}
    /// Appends all attributes of the object with this header. Errors: damaged (two of one name too), limit_exceeded.
    void read(const ObjectHeader& header, std::vector<Attribute>& out);

private:
    Attribute parse(Cursor cursor);
    void parse_value(Cursor& cursor, const Datatype& type, const Dataspace& space, Attribute& attribute);
    void parse_strings(Cursor& cursor, const Datatype& type, std::uint64_t count, Attribute& attribute);
    std::string vlen_string(Cursor& cursor);
    void check_unique(const ObjectHeader& header, std::span<const Attribute> attributes);

    Metadata& metadata_;
    TypeReader& types_;
    GlobalHeap& heap_;
};

}  // namespace ballast::hdf5
