// SPDX-License-Identifier: Apache-2.0
// Reading the messages of checkpoints of version 1, see saved_slices.h.
#include "container/proto/saved_slices.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "container/proto/wire.h"

namespace ballast::proto {
namespace {

struct FieldRow {
    std::uint8_t dtype = 0;
    ValueField field;
};
constexpr std::array field_rows = {
    FieldRow{1, {5, 4, 1}},    // float32
    FieldRow{2, {6, 8, 1}},    // float64
    FieldRow{3, {7, 0, 1}},    // int32
    FieldRow{4, {7, 0, 1}},    // uint8
    FieldRow{5, {7, 0, 1}},    // int16
    FieldRow{6, {7, 0, 1}},    // int8
    FieldRow{8, {9, 4, 2}},    // complex64
    FieldRow{9, {10, 0, 1}},   // int64
    FieldRow{10, {11, 0, 1}},  // bool
    FieldRow{11, {7, 0, 1}},   // qint8
    FieldRow{12, {7, 0, 1}},   // quint8
    FieldRow{13, {7, 0, 1}},   // qint32
    FieldRow{17, {7, 0, 1}},   // uint16
    FieldRow{18, {12, 8, 2}},  // complex128
    FieldRow{19, {13, 0, 1}},  // float16, its bits
};
constexpr std::uint32_t text_tag = 8, truth_tag = 11;

/// Calls `each` with the runs of values that a repeated field is made of, packed or one by one.
template <class Each>
void each_run(std::string_view tensor, const ValueField& field, Each each) {
    using protozero::pbf_wire_type;
    Reader message = message_in(tensor);
    while (message.next()) {
        if (message.tag() != field.tag) {
            message.skip();
            continue;
        }
        if (message.wire_type() == pbf_wire_type::length_delimited) {
            each(bytes(message));
            continue;
        }
        // Not packed: a value is what lies between the tag and the next one.
        const pbf_wire_type single = field.width == 0   ? pbf_wire_type::varint
                                     : field.width == 4 ? pbf_wire_type::fixed32
                                                        : pbf_wire_type::fixed64;
        const bool fits = message.wire_type() == single;
        const auto before = message.data();
        message.skip();
        if (fits) each(std::string_view(before.data(), before.size() - message.data().size()));
    }
}

std::uint64_t varints_in(std::string_view run) {
    const auto ends = std::count_if(run.begin(), run.end(), [](char c) { return (c & 0x80) == 0; });
    if (!run.empty() && (run.back() & 0x80) != 0)
        throw Error(ErrorCode::damaged, "the values of a tensor end within a number");
    return static_cast<std::uint64_t>(ends);
}

SavedTensor read_tensor(std::string_view text) {
    SavedTensor tensor;
    TensorDims shape;
    Reader message = message_in(text);
    while (message.next()) {
        if (message.tag() == 1)
            tensor.name = bytes(message);
        else if (message.tag() == 2)
            read_dims(bytes(message), shape);
        else if (message.tag() == 3)
            tensor.dtype = number(message);
        else if (message.tag() == 4)
            tensor.slices.push_back(read_slice(bytes(message)));
        else
            message.skip();
    }
    tensor.dims = std::move(shape.dims);
    tensor.unknown_rank = shape.unknown_rank;
    return tensor;
}

std::int64_t read_min_consumer(std::string_view text) {
    std::int64_t least = 0;
    Reader version = message_in(text);
    while (version.next())
        if (version.tag() == 2)
            least = static_cast<std::int64_t>(number(version));
        else
            version.skip();
    return least;
}

/// The last field of that number, as bytes.
std::string_view field_of(std::string_view text, std::uint32_t tag) {
    std::string_view found;
    Reader message = message_in(text);
    while (message.next())
        if (message.tag() == tag)
            found = bytes(message);
        else
            message.skip();
    return found;
}

}  // namespace

SavedTensors read_saved_tensors(std::string_view text, std::uint64_t most) {
    return guarded("the header of the checkpoint", [&] {
        SavedTensors result;
        std::uint64_t count = 0;
        Reader message = message_in(field_of(text, 1));
        while (message.next()) {
            if (message.tag() == 1) {
                result.tensors.push_back(read_tensor(bytes(message)));
                count += 1 + result.tensors.back().slices.size();
                if (count > most)
                    throw Error(ErrorCode::limit_exceeded,
                                "the checkpoint has more tensors than the limit objects");
            } else if (message.tag() == 2) {
                result.min_consumer = read_min_consumer(bytes(message));
            } else {
                message.skip();
            }
        }
        return result;
    });
}

SavedSlice read_saved_slice(std::string_view text) {
    return guarded("an entry of the checkpoint", [&] {
        SavedSlice result;
        Reader message = message_in(field_of(text, 2));
        while (message.next()) {
            if (message.tag() == 1)
                result.name = bytes(message);
            else if (message.tag() == 2)
                result.slice = read_slice(bytes(message));
            else if (message.tag() == 3)
                result.values = bytes(message);
            else
                message.skip();
        }
        return result;
    });
}

ValueField value_field(std::uint64_t dtype) noexcept {
    const auto* const found = std::find_if(field_rows.begin(), field_rows.end(),
                                           [&](const FieldRow& row) { return row.dtype == dtype; });
    return found == field_rows.end() ? ValueField{} : found->field;
}

Values find_values(std::string_view tensor, const ValueField& field) {
    return guarded("a tensor of the checkpoint", [&] {
        Values values;
        std::size_t runs = 0;
        each_run(tensor, field, [&](std::string_view run) {
            if (run.empty()) return;
            if (field.width != 0 && run.size() % field.width != 0)
                throw Error(ErrorCode::damaged, "the values of a tensor end within a number");
            values.count += field.width == 0 ? varints_in(run) : run.size() / field.width;
            if (++runs == 1 && field.width != 0) values.run = run;
        });
        if (runs > 1) values.run = {};
        return values;
    });
}

void copy_values(std::string_view tensor, const ValueField& field, std::uint8_t bytes,
                 std::span<std::byte> out) {
    guarded("a tensor of the checkpoint", [&] {
        std::size_t at = 0;
        each_run(tensor, field, [&](std::string_view run) {
            if (field.width != 0) {
                if (run.size() > out.size() - at)
                    throw Error(ErrorCode::damaged, "a tensor has too many values");
                std::memcpy(out.data() + at, run.data(), run.size());
                at += run.size();
                return;
            }
            const char* next = run.data();
            const char* const end = run.data() + run.size();
            while (next != end) {
                std::uint64_t value = protozero::decode_varint(&next, end);
                if (field.tag == truth_tag) value = value != 0 ? 1 : 0;
                if (bytes > out.size() - at) throw Error(ErrorCode::damaged, "a tensor has too many values");
                for (unsigned i = 0; i < bytes; ++i)
                    out[at++] = static_cast<std::byte>(value >> (8 * i));
            }
        });
        if (at != out.size()) throw Error(ErrorCode::damaged, "a tensor has too few values");
    });
}

void each_text(std::string_view tensor, const std::function<void(std::string_view)>& each) {
    guarded("a tensor of the checkpoint", [&] {
        Reader message = message_in(tensor);
        while (message.next())
            if (message.tag() == text_tag)
                each(bytes(message));
            else
                message.skip();
    });
}

}  // namespace ballast::proto
