// SPDX-License-Identifier: Apache-2.0
// hdf5::Builder: checks what it is told, records it compactly, and turns it into a PlannedFile.
#include "container/hdf5/write.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

#include "ballast/error.h"
#include "container/hdf5/write_chunks.h"
#include "container/hdf5/write_layout.h"
#include "container/hdf5/write_messages.h"
#include "container/hdf5/write_places.h"
#include "container/hdf5/write_produce.h"
#include "container/hdf5/write_storage.h"
#include "core/text.h"
#include "filter/encode.h"

namespace ballast::hdf5 {

using namespace writer;

namespace {

/// Keras' bound on one attribute of names; the message limit less room for the header.
constexpr std::size_t name_list_limit = 64512;

/// From this many messages on an object's attribute names are kept in a set.
constexpr std::uint16_t crowd = 24;

std::size_t mix(std::uint32_t owner, std::size_t hash) noexcept {
    const std::uint64_t spread = (std::uint64_t{owner} + 1) * 0x9e3779b97f4a7c15u;
    const std::uint64_t mixed = (spread ^ hash) * 0xff51afd7ed558ccdu;
    return static_cast<std::size_t>(mixed ^ (mixed >> 32));
}

ObjectRecord empty_group() {
    ObjectRecord group;
    group.header_size = format::header_v1_prefix + format::message_v1_prefix + symbol_table_body;
    group.message_count = 1;
    return group;
}

void check_link_name(std::string_view name) {
    const bool bad =
        name.empty() || name == "." || name.find('/') != name.npos || name.find('\0') != name.npos;
    if (bad) {
        throw Error(ErrorCode::invalid_argument,
                    "'" + std::string(name) + "' cannot be the name of an HDF5 link")
            .hint("a name is not empty, not \".\", and holds neither '/' nor NUL");
    }
    if (name.size() >= none) throw Error(ErrorCode::limit_exceeded, "a link name of 4 GiB or more");
}

void check_string(std::string_view text) {
    if (text.find('\0') != text.npos) {
        throw Error(ErrorCode::invalid_argument, "a string with a NUL byte cannot be an HDF5 string");
    }
    if (text.size() > std::numeric_limits<std::uint32_t>::max()) {
        throw Error(ErrorCode::limit_exceeded, "a string of 4 GiB or more");
    }
}

}  // namespace

struct Builder::State : Description {
    Compression compression;
    std::shared_ptr<const ChunkedTarget> chunked_target(const TensorExpr& value) const;
    std::size_t link_hash(Id parent, std::string_view name) const {
        return mix(parent, std::hash<std::string_view>{}(name));
    }
    void check_object(Id object) const;
    void check_parent(Id object) const;
    Id find(Id parent, std::string_view name) const;
    /// Adds an object of a name that is free.
    Id add(Id parent, std::string_view name, const ObjectRecord& kind);

    bool has_attribute(const ObjectRecord& owner, Id object, std::uint32_t name) const;
    void note_crowded(const ObjectRecord& owner, Id object, std::uint32_t name);
    void add_attribute(Id object, std::uint32_t form, AttributeRecord record);
    void data_attribute(Id object, std::uint32_t form, std::string_view data);
    void string_attribute(Id object, std::string_view name, std::span<const std::byte> type,
                          const Shape& shape, std::span<const std::string_view> values);
    void fixed_strings(Id object, std::string_view name, std::span<const std::string> values,
                       std::size_t width);
};

/// How a value is cut; null for one that stays in one piece.
std::shared_ptr<const ChunkedTarget> Builder::State::chunked_target(const TensorExpr& value) const {
    constexpr std::uint64_t smallest = 4096;  // an index takes as much
    if (compression.method == Compression::Method::none || value.shape().rank() == 0) return nullptr;
    if (value.byte_count() < smallest) return nullptr;
    const std::uint64_t element_size = byte_size(value.dtype(), 1);
    auto target = std::make_shared<ChunkedTarget>();
    target->value = value;
    target->chunk_shape = chunk_shape_for(value.shape(), element_size, compression.chunk_bytes);
    target->codec = filter::compressing_codec(compression, static_cast<std::uint32_t>(element_size));
    return target;
}

void Builder::State::check_object(Id object) const {
    if (object >= objects.size())
        throw Error(ErrorCode::invalid_argument, "no such object in this HDF5 file");
}

void Builder::State::check_parent(Id object) const {
    check_object(object);
    if (!objects[object].is_group()) {
        throw Error(ErrorCode::invalid_argument, "'" + path_of(object) + "' is a dataset and holds no links");
    }
}

Builder::Id Builder::State::find(Id parent, std::string_view name) const {
    return objects_by_name.find(link_hash(parent, name), [&](std::uint32_t id) {
        return objects[id].parent == parent && objects[id].label() == name;
    });
}

Builder::Id Builder::State::add(Id parent, std::string_view name, const ObjectRecord& kind) {
    if (objects.size() >= none) throw Error(ErrorCode::limit_exceeded, "too many objects for one HDF5 file");
    const auto id = static_cast<Id>(objects.size());
    ObjectRecord& object = objects.emplace_back(kind);
    object.name = arena.store(name);
    object.name_length = static_cast<std::uint32_t>(name.size());
    object.parent = parent;
    objects_by_name.insert(
        id, [this](std::uint32_t each) { return link_hash(objects[each].parent, objects[each].label()); });
    return id;
}

bool Builder::State::has_attribute(const ObjectRecord& owner, Id object, std::uint32_t name) const {
    if (owner.message_count >= crowd) return crowded_names.contains(std::uint64_t{object} << 32 | name);
    for (std::uint32_t each = owner.first_attribute; each != none; each = attributes[each].next) {
        if (forms[attributes[each].form].name == name) return true;
    }
    return false;
}

/// Keeps the names of an object with many attributes in a set: walking its chain each time would be
/// quadratic.
void Builder::State::note_crowded(const ObjectRecord& owner, Id object, std::uint32_t name) {
    crowded_names.insert(std::uint64_t{object} << 32 | name);
    if (owner.message_count != crowd) return;
    for (std::uint32_t each = owner.first_attribute; each != none; each = attributes[each].next) {
        crowded_names.insert(std::uint64_t{object} << 32 | forms[attributes[each].form].name);
    }
}

void Builder::State::add_attribute(Id object, std::uint32_t form_number, AttributeRecord record) {
    ObjectRecord& owner = objects[object];
    const AttributeForm& form = forms[form_number];
    if (has_attribute(owner, object, form.name)) {
        throw Error(ErrorCode::invalid_argument, "two attributes of one name on '" + path_of(object) + "'");
    }
    const std::uint64_t size = std::uint64_t{owner.header_size} + form.message_size;
    if (owner.message_count == max_messages || size > std::numeric_limits<std::uint32_t>::max()) {
        throw Error(ErrorCode::limit_exceeded, "too many attributes on '" + path_of(object) + "'");
    }
    record.form = form_number;
    const auto number = static_cast<std::uint32_t>(attributes.size());
    attributes.push_back(record);
    (owner.first_attribute == none ? owner.first_attribute : attributes[owner.last_attribute].next) = number;
    owner.last_attribute = number;
    owner.header_size = static_cast<std::uint32_t>(size);
    ++owner.message_count;
    if (owner.message_count >= crowd) note_crowded(owner, object, form.name);
}

void Builder::State::data_attribute(Id object, std::uint32_t form, std::string_view data) {
    AttributeRecord record;
    record.data = arena.store(data);
    add_attribute(object, form, record);
}

void Builder::State::string_attribute(Id object, std::string_view name, std::span<const std::byte> type,
                                      const Shape& shape, std::span<const std::string_view> values) {
    for (const std::string_view text : values)
        check_string(text);
    AttributeRecord record;
    record.first_string = strings.size();
    add_attribute(object, attribute_form(*this, name, type, format::vlen_element, shape, true), record);
    for (const std::string_view text : values) {
        strings.push_back({arena.store(text), static_cast<std::uint32_t>(text.size())});
    }
}

void Builder::State::fixed_strings(Id object, std::string_view name, std::span<const std::string> values,
                                   std::size_t width) {
    std::string data;
    for (const std::string& text : values) {
        check_string(text);
        data.append(text).append(width - text.size(), '\0');
    }
    Encoder type;
    encode_fixed_string_type(type, static_cast<std::uint32_t>(width));
    data_attribute(object, attribute_form(*this, name, type.bytes(), width, Shape{values.size()}, false),
                   data);
}

Builder::Builder() : state_(std::make_shared<State>()) {
    state_->objects.push_back(empty_group());
}
Builder::~Builder() = default;
Builder::Builder(Builder&&) noexcept = default;
Builder& Builder::operator=(Builder&&) noexcept = default;

Builder::Id Builder::group(Id parent, std::string_view name) {
    State& file = *state_;
    file.check_parent(parent);
    check_link_name(name);
    const Id known = file.find(parent, name);
    if (known == none) return file.add(parent, name, empty_group());
    if (!file.objects[known].is_group()) {
        throw Error(ErrorCode::invalid_argument, "'" + file.path_of(known) + "' is a dataset, not a group");
    }
    return known;
}

Builder::Id Builder::groups(Id parent, std::string_view path) {
    Id at = parent;
    for (const std::string_view name : split(path, '/'))
        at = group(at, name);
    return at;
}

Builder::Id Builder::dataset(Id parent, std::string_view name, TensorExpr value) {
    State& file = *state_;
    file.check_parent(parent);
    check_link_name(name);
    if (const Id known = file.find(parent, name); known != none) {
        throw Error(ErrorCode::invalid_argument, "the name '" + file.path_of(known) + "' is taken");
    }
    if (value.empty()) throw Error(ErrorCode::invalid_argument, "a dataset needs a value").tensor(name);

    ObjectRecord object;
    std::shared_ptr<const ChunkedTarget> chunked;
    try {
        Encoder messages;
        encode_value_messages(messages, value.dtype(), value.shape());
        value.byte_count();  // overflows here rather than in the layout
        chunked = file.chunked_target(value);
        object.header_size =
            static_cast<std::uint32_t>(format::header_v1_prefix + messages.size() +
                                       (chunked ? chunked_messages_size(*chunked) : storage_messages_size));
    } catch (Error& error) {
        throw error.tensor(name);
    }
    object.message_count = 2 + (chunked ? chunked_message_count : storage_message_count);
    object.dataset = static_cast<std::uint32_t>(file.datasets.size());
    const Id id = file.add(parent, name, object);
    file.datasets.push_back({std::move(value), 0, std::move(chunked)});
    return id;
}

void Builder::attribute(Id object, std::string_view name, std::string_view value, Charset charset) {
    State& file = *state_;
    file.check_object(object);
    Encoder type;
    encode_variable_string_type(type,
                                charset == Charset::utf8 ? format::Charset::utf8 : format::Charset::ascii);
    file.string_attribute(object, name, type.bytes(), Shape(), std::span(&value, 1));
}

void Builder::name_list(Id object, std::string_view name, const std::vector<std::string>& values) {
    if (values.empty()) return attribute(object, name, DType::float64, Shape{0}, {});
    State& file = *state_;
    file.check_object(object);
    const auto longest = std::max_element(values.begin(), values.end(),
                                          [](const auto& a, const auto& b) { return a.size() < b.size(); });
    // numpy stores even empty strings one byte wide.
    const std::size_t width = std::max<std::size_t>(1, longest->size());
    if (width > name_list_limit) {
        throw Error(ErrorCode::limit_exceeded, "a name of " + std::to_string(width) + " bytes in '" +
                                                   std::string(name) + "'; Keras' layout holds " +
                                                   std::to_string(name_list_limit))
            .hint("give the layer or weight a shorter name");
    }
    Encoder type;
    encode_variable_string_type(type, format::Charset::ascii);
    const std::size_t parts = parts_needed(values.size(), width, name_list_limit);
    const bool references_fit =
        values.size() <= name_list_limit &&
        attribute_body_size(name.size(), type.size(), 1, values.size() * format::vlen_element) <=
            format::largest_message;
    if (parts == 1 && references_fit) {
        const std::vector<std::string_view> views(values.begin(), values.end());
        return file.string_attribute(object, name, type.bytes(), Shape{values.size()}, views);
    }
    std::size_t first = 0;
    for (std::size_t part = 0; part < parts; ++part) {
        const std::size_t count = part_size(values.size(), parts, part);
        file.fixed_strings(object, std::string(name) + std::to_string(part),
                           std::span(values).subspan(first, count), width);
        first += count;
    }
}

void Builder::attribute(Id object, std::string_view name, DType dtype, const Shape& shape,
                        std::vector<std::byte> bytes) {
    State& file = *state_;
    file.check_object(object);
    if (bytes.size() != byte_size(dtype, shape.element_count())) {
        throw Error(ErrorCode::invalid_argument,
                    "attribute '" + std::string(name) + "': " + std::to_string(bytes.size()) +
                        " bytes do not make " + std::string(to_string(dtype)) + " " + shape.to_string());
    }
    Encoder type;
    encode_datatype(type, dtype);
    const std::uint64_t element_size = byte_size(dtype, 1);
    const std::uint32_t form = attribute_form(file, name, type.bytes(), element_size, shape, false);
    file.data_attribute(object, form, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void Builder::compress(const Compression& compression) {
    // A level that does not exist is found before anything is written.
    if (compression.method != Compression::Method::none) filter::compressing_codec(compression, 1);
    state_->compression = compression;
}

PlannedFile Builder::plan(std::string file_name) {
    Planned planned = plan_with_chunks(std::move(file_name));
    if (planned.chunks) throw Error(ErrorCode::internal, "a file with chunks needs their places");
    return std::move(planned.file);
}

Planned Builder::plan_with_chunks(std::string file_name) {
    const std::shared_ptr<State> file = std::exchange(state_, Builder().state_);
    lay_out(*file);

    PlannedFile planned;
    planned.name = std::move(file_name);
    planned.size = file->file_end;
    const std::uint64_t segments = (file->structure_end + segment_size - 1) / segment_size;
    planned.pieces.reserve(segments + file->datasets.size());
    const auto producer = std::make_shared<const StructureProducer>(file);
    for (std::uint64_t segment = 0; segment < segments; ++segment) {
        const std::uint64_t begin = segment * segment_size;
        const std::uint64_t length = std::min(segment_size, file->structure_end - begin);
        planned.pieces.push_back({begin, ProducedBytes{producer, segment, length}});
    }
    for (const DatasetRecord& dataset : file->datasets) {
        if (!dataset.chunked && dataset.data_address != format::undefined) {
            planned.pieces.push_back({dataset.data_address, TensorBytes{dataset.value}});
        }
    }
    auto chunks = ChunkPlaces::add_chunks(file, planned);
    return {std::move(planned), std::move(chunks)};
}

}  // namespace ballast::hdf5
