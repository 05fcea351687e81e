// SPDX-License-Identifier: Apache-2.0
// Decoding of dataspace, fill value and filter pipeline messages.
#include "container/hdf5/parse_messages.h"

#include <array>

#include "core/checked.h"
#include "core/text.h"

namespace ballast::hdf5 {

namespace {

std::uint64_t product(const Shape& shape, const Cursor& cursor) {
    std::uint64_t elements = 1;
    for (const std::uint64_t dim : shape) {
        if (dim == 0) return 0;
        const auto next = checked_multiply(elements, dim);
        if (!next) {
            throw Error(ErrorCode::limit_exceeded, "HDF5: a shape has more elements than 64 bits can count")
                .at(cursor.position());
        }
        elements = *next;
    }
    return elements;
}

}  // namespace

Dataspace parse_dataspace(const Metadata& metadata, Cursor& cursor) {
    const int version = cursor.u8();
    const std::size_t rank = cursor.u8();
    const unsigned flags = cursor.u8();
    const unsigned kind = cursor.u8();  // version 2 only: 0 scalar, 1 simple, 2 null
    if (version == 1) {
        cursor.skip(4);
    } else if (version != 2) {
        cursor.unsupported("has version " + std::to_string(version));
    }
    if (rank > Shape::max_rank) cursor.fail("has more than 32 dimensions");
    Dataspace space;
    if (version == 2 && kind > 2) cursor.unsupported("has kind " + std::to_string(kind));
    if (version == 2 && kind == 2) {
        space.is_null = true;
        space.shape = {0};
        space.elements = 0;
        return space;
    }
    if (version == 2 && kind == 0 && rank != 0) cursor.fail("is scalar and has dimensions");
    std::array<std::uint64_t, Shape::max_rank> dims{}, most{};
    for (std::size_t i = 0; i < rank; ++i)
        dims[i] = metadata.length(cursor);
    most = dims;
    if ((flags & 1) != 0) {
        for (std::size_t i = 0; i < rank; ++i) {
            most[i] = metadata.length(cursor);
            if (metadata.is_unlimited(most[i])) {
                most[i] = format::undefined;
            } else if (dims[i] > most[i]) {
                cursor.fail("is larger than its own maximum");
            }
        }
    }
    if ((flags & 2) != 0) cursor.unsupported("permutes its dimensions");
    space.shape = Shape(std::span(dims).first(rank));
    space.max = Shape(std::span(most).first(rank));
    space.elements = product(space.shape, cursor);
    return space;
}

std::vector<std::byte> parse_old_fill(Cursor& cursor) {
    const auto bytes = cursor.take(cursor.u32());
    return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> parse_fill(Cursor& cursor) {
    const int version = cursor.u8();
    bool present = true;
    if (version == 1 || version == 2) {
        cursor.skip(2);
        const unsigned defined = cursor.u8();
        present = version == 1 || defined != 0;
    } else if (version == 3) {
        present = (cursor.u8() & 0x20) != 0;
    } else {
        cursor.unsupported("has version " + std::to_string(version));
    }
    if (!present) return {};
    const std::uint32_t size = cursor.u32();
    if (size == 0xffffffff && version < 3) return {};  // "undefined", as old libraries store it
    const auto bytes = cursor.take(size);
    return {bytes.begin(), bytes.end()};
}

Pipeline parse_pipeline(Cursor& cursor) {
    const int version = cursor.u8();
    const std::size_t count = cursor.u8();
    if (version != 1 && version != 2) cursor.unsupported("has version " + std::to_string(version));
    if (version == 1) cursor.skip(6);
    if (count > format::most_filters) cursor.fail("lists more than 32 filters");
    Pipeline pipeline;
    for (std::size_t i = 0; i < count; ++i) {
        Filter filter;
        filter.id = cursor.u16();
        const bool named = version == 1 || filter.id >= 256;
        const std::size_t name_length = named ? cursor.u16() : 0;
        cursor.skip(2);  // flags: "optional" concerns writing only
        const std::size_t values = cursor.u16();
        // Version 1 pads the name to a multiple of 8; some writers store the length without the padding.
        const std::size_t padded = version == 1 ? align_up(name_length, 8) : name_length;
        auto name = text_of(cursor.take(padded));
        name = name.substr(0, std::min(name.find('\0'), name.size()));
        if (values > cursor.remaining() / 4) cursor.fail("is shorter than its filters' values");
        filter.values.reserve(values);
        for (std::size_t v = 0; v < values; ++v)
            filter.values.push_back(cursor.u32());
        if (version == 1 && values % 2 == 1) cursor.skip(4);
        pipeline.names.push_back(escape(name));
        pipeline.filters.push_back(std::move(filter));
    }
    return pipeline;
}

}  // namespace ballast::hdf5
