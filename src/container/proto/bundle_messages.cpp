// SPDX-License-Identifier: Apache-2.0
// Reading and writing the messages of a bundle's index, see bundle_messages.h.
#include "container/proto/bundle_messages.h"

#include <array>

#include "container/proto/wire.h"

namespace ballast::proto {
namespace {

constexpr std::size_t most_dims = 254, most_slices = 1'000'000;

std::int64_t signed_number(Reader& message) {
    return static_cast<std::int64_t>(number(message));
}

/// Fields that are zero are left out.
void add(Writer& message, protozero::pbf_tag_type tag, std::int64_t value) {
    if (value != 0) message.add_int64(tag, value);
}

void put_number(std::string& out, std::uint64_t value) {
    std::string digits;
    for (; value != 0; value >>= 8)
        digits.insert(digits.begin(), static_cast<char>(value & 0xff));
    out.push_back(static_cast<char>(digits.size()));
    out += digits;
}

void put_string(std::string& out, std::string_view text) {
    for (const char c : text) {
        out.push_back(c);
        if (c == '\0') out.push_back('\xff');
        if (c == '\xff') out.push_back('\0');
    }
    out.append("\0\1", 2);
}

/// n bytes hold [-2^(7n-1), 2^(7n-1)); their first n bits say how many there are, inverted for negative
/// numbers.
void put_signed(std::string& out, std::int64_t value) {
    unsigned length = 1;
    const auto magnitude = static_cast<std::uint64_t>(value < 0 ? ~value : value);
    while (length < 10 && 7 * length - 1 < 64 && (magnitude >> (7 * length - 1)) != 0)
        ++length;
    std::array<unsigned char, 10> digits{};
    for (unsigned i = 0; i < 10; ++i)
        digits[9 - i] = static_cast<unsigned char>(i < 8 ? static_cast<std::uint64_t>(value) >> (8 * i)
                                                         : (value < 0 ? 0xffU : 0U));
    unsigned char* const first = digits.data() + (10 - length);
    for (unsigned bit = 0; bit < length; ++bit)
        first[bit / 8] ^= static_cast<unsigned char>(0x80U >> (bit % 8));
    out.append(reinterpret_cast<const char*>(first), length);
}

}  // namespace

void read_dims(std::string_view text, TensorDims& into) {
    Reader shape = message_in(text);
    while (shape.next()) {
        if (shape.tag() == 2) {
            Reader dim = message_in(bytes(shape));
            std::int64_t size = 0;
            while (dim.next())
                if (dim.tag() == 1)
                    size = signed_number(dim);
                else
                    dim.skip();
            if (into.dims.size() == most_dims)
                throw Error(ErrorCode::limit_exceeded, "a tensor has more than 254 dimensions");
            into.dims.push_back(size);
        } else if (shape.tag() == 3) {
            into.unknown_rank = number(shape) != 0;
        } else {
            shape.skip();
        }
    }
}

TensorSlice read_slice(std::string_view text) {
    Reader message = message_in(text);
    TensorSlice slice;
    while (message.next()) {
        if (message.tag() != 1) {
            message.skip();
            continue;
        }
        Reader extent = message_in(bytes(message));
        SliceExtent read;
        while (extent.next()) {
            if (extent.tag() == 1)
                read.start = signed_number(extent);
            else if (extent.tag() == 2)
                read.length = signed_number(extent);
            else
                extent.skip();
        }
        if (slice.size() == most_dims)
            throw Error(ErrorCode::limit_exceeded, "a slice has more than 254 dimensions");
        slice.push_back(read);
    }
    return slice;
}

BundleHeader read_header(std::string_view text) {
    return guarded("the header of the checkpoint", [&] {
        BundleHeader header;
        Reader message = message_in(text);
        while (message.next()) {
            if (message.tag() == 1) {
                header.num_shards = signed_number(message);
            } else if (message.tag() == 2) {
                header.endianness = number(message);
            } else if (message.tag() == 3) {
                Reader version = message_in(bytes(message));
                while (version.next())
                    if (version.tag() == 2)
                        header.min_consumer = signed_number(version);
                    else
                        version.skip();
            } else {
                message.skip();
            }
        }
        return header;
    });
}

BundleEntry read_entry(std::string_view text) {
    return guarded("an entry of the checkpoint", [&] {
        BundleEntry entry;
        TensorDims shape;
        Reader message = message_in(text);
        while (message.next()) {
            switch (message.tag()) {
                case 1:
                    entry.dtype = number(message);
                    break;
                case 2:
                    read_dims(bytes(message), shape);
                    break;
                case 3:
                    entry.shard = signed_number(message);
                    break;
                case 4:
                    entry.offset = signed_number(message);
                    break;
                case 5:
                    entry.size = signed_number(message);
                    break;
                case 6:
                    if (message.wire_type() == protozero::pbf_wire_type::fixed32)
                        entry.crc = message.get_fixed32();
                    else
                        message.skip();
                    break;
                case 7:
                    if (entry.slice_count++ == most_slices)
                        throw Error(ErrorCode::limit_exceeded, "a tensor has more than 1,000,000 slices");
                    message.skip();
                    break;
                default:
                    message.skip();
            }
        }
        entry.dims = std::move(shape.dims);
        entry.unknown_rank = shape.unknown_rank;
        return entry;
    });
}

void each_slice(std::string_view text, const std::function<void(const TensorSlice&)>& visit) {
    guarded("an entry of the checkpoint", [&] {
        Reader message = message_in(text);
        while (message.next()) {
            if (message.tag() == 7)
                visit(read_slice(bytes(message)));
            else
                message.skip();
        }
    });
}

std::string write_header(const BundleHeader& header) {
    std::string out;
    Writer message(out);
    add(message, 1, header.num_shards);
    add(message, 2, static_cast<std::int64_t>(header.endianness));
    message.add_message(3,
                        std::string("\x08\x01", 2));  // the producer's version, the only one there has been
    return out;
}

std::string write_entry(const BundleEntry& entry) {
    std::string out, shape;
    Writer dims(shape);
    for (const std::int64_t size : entry.dims) {
        std::string text;
        Writer dim(text);
        add(dim, 1, size);
        dims.add_message(2, text);
    }
    Writer message(out);
    add(message, 1, static_cast<std::int64_t>(entry.dtype));
    message.add_message(2, shape);
    add(message, 3, entry.shard);
    add(message, 4, entry.offset);
    add(message, 5, entry.size);
    if (entry.crc != 0) message.add_fixed32(6, entry.crc);
    for (const TensorSlice& slice : entry.slices) {
        std::string extents;
        Writer list(extents);
        for (const SliceExtent& extent : slice) {
            std::string text;
            Writer fields(text);
            add(fields, 1, extent.start);
            if (extent.length) fields.add_int64(2, *extent.length);
            list.add_message(1, text);
        }
        message.add_message(7, extents);
    }
    return out;
}

std::string slice_key(std::string_view name, const TensorSlice& slice) {
    std::string key(1, '\0');
    put_string(key, name);
    put_number(key, slice.size());
    for (const SliceExtent& extent : slice) {
        put_signed(key, extent.length ? extent.start : 0);
        put_signed(key, extent.length.value_or(-1));
    }
    return key;
}

}  // namespace ballast::proto
