// SPDX-License-Identifier: Apache-2.0
// Describing datasets: type, shape and storage, checked against each other.
#include "container/hdf5/parse_dataset.h"

#include <algorithm>
#include <array>

#include "container/hdf5/parse_chunk_index.h"
#include "container/hdf5/parse_local_heap.h"
#include "core/checked.h"
#include "core/text.h"
#include "filter/decode.h"

namespace ballast::hdf5 {

namespace {

using format::LayoutClass;
using format::Message;

constexpr std::uint64_t fill_chunk_bytes = 1 << 20;

bool is_zero(const std::vector<std::byte>& bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

/// Registered filters that we do not undo, for messages: files may leave their names out.
struct KnownFilter {
    std::uint16_t id;
    const char* name;
};
constexpr KnownFilter foreign_filters[] = {
    {4, "szip"},           {5, "nbit"},    {6, "scaleoffset"}, {32001, "blosc"},  {32004, "lz4"},
    {32008, "bitshuffle"}, {32013, "zfp"}, {32017, "sz"},      {32026, "blosc2"}, {32028, "jpeg-xl"},
};

std::string filter_name(const Filter& filter, std::string name) {
    for (const KnownFilter& row : foreign_filters) {
        if (row.id == filter.id) name = row.name;
    }
    return std::to_string(filter.id) + (name.empty() ? "" : " (" + name + ")");
}

/// Where a filter we lack was used on some chunk, the data cannot be read.
void check_filters(const Pipeline& pipeline, const std::vector<Chunk>& chunks, std::uint64_t position) {
    for (std::size_t i = 0; i < pipeline.filters.size(); ++i) {
        if (is_decodable(pipeline.filters[i])) continue;
        const bool used = std::any_of(chunks.begin(), chunks.end(),
                                      [&](const Chunk& chunk) { return (chunk.filter_mask >> i & 1) == 0; });
        if (!used) continue;
        throw Error(ErrorCode::unsupported, "HDF5: the data are stored with filter " +
                                                filter_name(pipeline.filters[i], pipeline.names[i]) +
                                                ", which is not supported")
            .at(position)
            .hint(
                "rewrite the file without this filter, for example with h5repack -f NONE; where the HDF5 C "
                "library has it, --with-libhdf5 reads a file you trust");
    }
}

[[noreturn]] void exceeds(const std::string& what, std::uint64_t value, std::uint64_t limit) {
    throw Error(ErrorCode::limit_exceeded,
                "HDF5: " + what + ": " + std::to_string(value) + ", the limit is " + std::to_string(limit))
        .hint("raise the limit only for a file you trust");
}

const HeaderMessage& need(const ObjectHeader& header, Message type, const char* what) {
    if (const HeaderMessage* message = header.find(type)) return *message;
    throw Error(ErrorCode::damaged, std::string("HDF5: a dataset has no ") + what).at(header.position());
}

/// How much more than the limit's ratio, which is meant for deflate (1032 : 1), the filters of honest files
/// reach.
std::uint64_t filter_gain(const Dataset& dataset) {
    constexpr std::uint64_t of_zstd = 32;  // a run of 128 KiB in a block of four bytes
    const auto* chunked = std::get_if<std::shared_ptr<const ChunkedLayout>>(&dataset.storage.layout);
    if (!chunked) return 1;
    const auto is_zstd = [](const Filter& filter) { return filter.id == Filter::zstd; };
    return std::ranges::any_of((*chunked)->filters, is_zstd) ? of_zstd : 1;
}

}  // namespace

Dataset DatasetReader::read(const ObjectHeader& header) {
    Dataset dataset;
    try {
        header.check_known();
        describe(header, dataset);
    } catch (const Error& error) {
        if (metadata_.exhausted()) throw;
        dataset.problem = std::make_shared<const Error>(error);
    }
    return dataset;
}

void DatasetReader::describe(const ObjectHeader& header, Dataset& dataset) {
    const HeaderMessage& space_message = need(header, Message::dataspace, "dataspace");
    Cursor space_cursor = shared_.body(header, space_message, "a dataspace");
    const Dataspace space = parse_dataspace(metadata_, space_cursor);
    dataset.shape = space.shape;
    dataset.is_null = space.is_null;

    const HeaderMessage& type_message = need(header, Message::datatype, "datatype");
    Cursor type_cursor = shared_.body(header, type_message, "a datatype");
    const Datatype& type = types_.read(type_cursor);
    dataset.dtype = type.dtype;
    dataset.type_name = type.name;
    dataset.storage.big_endian = type.big_endian;
    element_size_ = type.size;
    dataset.element_size = type.size;
    dataset.text_padding = static_cast<std::uint8_t>(type.padding);
    const bool is_text = type.is_string();
    is_variable_ = type.vlen_string || type.type_class == format::TypeClass::vlen;
    elements_ = space.elements;
    const auto bytes = checked_multiply(elements_, element_size_);
    if (!bytes) exceeds("a tensor's elements", elements_, UINT64_MAX / element_size_);
    bytes_ = *bytes;

    // The storage of data that are no tensor is described too, so that damage is found whatever the type.
    std::string problem = type.problem;
    if (space.is_null) problem = "it is empty (a null dataspace): it has neither shape nor data";
    if (bytes_ > metadata_.limits().tensor_bytes) {
        exceeds("bytes of a tensor", bytes_, metadata_.limits().tensor_bytes);
    }
    if (const HeaderMessage* external = header.find(Message::external_files))
        refuse_external(header, *external);

    Cursor layout_cursor = header.cursor(need(header, Message::layout, "data layout"), "a data layout");
    const DataLayout layout = parse_layout(metadata_, layout_cursor);
    switch (layout.layout_class) {
        case LayoutClass::compact:
            compact(layout, dataset);
            break;
        case LayoutClass::contiguous:
            contiguous(layout, fill_of(header), dataset);
            break;
        case LayoutClass::chunked:
            chunked(header, layout, space, fill_of(header), dataset);
            break;
        case LayoutClass::virtual_dataset:
            refuse_virtual(header, layout);
    }
    check_expansion(dataset);
    if (is_text && !space.is_null)
        dataset.text = is_variable_ ? Dataset::Text::variable : Dataset::Text::fixed;
    if (!problem.empty()) {
        throw Error(ErrorCode::unsupported, "HDF5: " + problem).at(header.position());
    }
}

std::vector<std::byte> DatasetReader::fill_of(const ObjectHeader& header) {
    std::vector<std::byte> fill;
    const HeaderMessage* message = header.find(Message::fill);
    if (message != nullptr) {
        Cursor cursor = shared_.body(header, *message, "a fill value");
        fill = parse_fill(cursor);
    } else if ((message = header.find(Message::old_fill)) != nullptr) {
        Cursor cursor = shared_.body(header, *message, "a fill value");
        fill = parse_old_fill(cursor);
    }
    // Text of variable length, like other references, has fill values of its own form; they read as empty.
    if (message == nullptr || fill.empty() || is_variable_) return {};
    if (fill.size() != element_size_) {
        throw Error(ErrorCode::damaged, "HDF5: a fill value has another size than an element")
            .at(message->position);
    }
    if (is_zero(fill)) fill.clear();
    return fill;
}

void DatasetReader::contiguous(const DataLayout& layout, const std::vector<std::byte>& fill,
                               Dataset& dataset) {
    if (layout.address == format::undefined) return never_written(fill, dataset);
    if (bytes_ == 0) {
        dataset.storage.layout = Extent{source_, layout.address, 0};
        return;
    }
    metadata_.require(layout.address, bytes_, "the data of a dataset");
    dataset.storage.layout = Extent{source_, layout.address, bytes_};
    dataset.stored_bytes = bytes_;
}

/// No bytes at all: an empty extent reads as zeros; another fill value needs a layout that can hold it.
void DatasetReader::never_written(std::vector<std::byte> fill, Dataset& dataset) {
    if (fill.empty() || elements_ == 0) {
        dataset.storage.layout = Extent{source_, 0, 0};
        return;
    }
    auto layout = std::make_shared<ChunkedLayout>();
    layout->source = source_;
    layout->fill = std::move(fill);
    std::array<std::uint64_t, Shape::max_rank> dims{};
    std::copy(dataset.shape.begin(), dataset.shape.end(), dims.begin());
    std::uint64_t bytes = bytes_;
    for (std::size_t axis = 0; axis < dataset.shape.rank() && bytes > fill_chunk_bytes; ++axis) {
        const std::uint64_t row = bytes / dims[axis];
        dims[axis] = std::max<std::uint64_t>(1, fill_chunk_bytes / row);
        bytes = row * dims[axis];
    }
    layout->chunk_shape = Shape(std::span(dims).first(dataset.shape.rank()));
    dataset.storage.layout = std::move(layout);
}

void DatasetReader::compact(const DataLayout& layout, Dataset& dataset) {
    if (layout.inline_bytes.size() < bytes_) {
        throw Error(ErrorCode::damaged, "HDF5: a dataset's inline data are shorter than its shape")
            .at(layout.inline_position);
    }
    const auto size = static_cast<std::size_t>(bytes_);
    metadata_.charge(size);
    const std::shared_ptr<std::byte[]> owned(new std::byte[std::max<std::size_t>(size, 1)]);
    std::copy_n(layout.inline_bytes.begin(), size, owned.get());
    dataset.storage.layout = InlineBytes{owned, {owned.get(), size}};
    dataset.stored_bytes = size;
}

std::uint64_t DatasetReader::chunk_bytes(const DataLayout& layout) const {
    std::uint64_t bytes = element_size_;
    for (std::size_t axis = 0; axis + 1 < layout.chunk.size(); ++axis) {
        const auto next = checked_multiply(bytes, layout.chunk[axis]);
        if (!next || *next > metadata_.limits().chunk_bytes) {
            exceeds("bytes of a chunk", next.value_or(UINT64_MAX), metadata_.limits().chunk_bytes);
        }
        bytes = *next;
    }
    return bytes;
}

Pipeline DatasetReader::filters(const ObjectHeader& header) {
    const HeaderMessage* message = header.find(Message::filters);
    if (message == nullptr) return {};
    Cursor cursor = shared_.body(header, *message, "a filter pipeline");
    Pipeline pipeline = parse_pipeline(cursor);
    if (pipeline.filters.size() > metadata_.limits().filters) {
        exceeds("filters of a dataset", pipeline.filters.size(), metadata_.limits().filters);
    }
    return pipeline;
}

void DatasetReader::chunked(const ObjectHeader& header, const DataLayout& layout, const Dataspace& space,
                            std::vector<std::byte> fill, Dataset& dataset) {
    const auto damaged = [&](const char* what) {
        throw Error(ErrorCode::damaged, std::string("HDF5: ") + what).at(header.position());
    };
    const std::size_t rank = dataset.shape.rank();
    if (rank == 0 || layout.chunk.size() != rank + 1)
        damaged("chunks have another number of dimensions than their dataset");
    if (layout.chunk.back() != element_size_)
        damaged("chunks have elements of another size than their dataset");
    ChunkedData data;
    data.layout = &layout;
    data.chunk_bytes = chunk_bytes(layout);
    Pipeline pipeline = filters(header);
    auto stored = std::make_shared<ChunkedLayout>();
    stored->source = source_;
    stored->chunk_shape = Shape(std::span(layout.chunk).first(rank));
    stored->fill = std::move(fill);
    if (elements_ != 0) {
        data.shape = dataset.shape;
        data.max = space.max;
        data.chunk = stored->chunk_shape;
        data.filter_count = pipeline.filters.size();
        stored->chunks = read_chunks(metadata_, data);
    }
    check_filters(pipeline, stored->chunks, header.position());
    stored->filters = std::move(pipeline.filters);
    for (const Chunk& chunk : stored->chunks)
        dataset.stored_bytes += chunk.length;
    dataset.storage.layout = std::move(stored);
}

void DatasetReader::check_expansion(const Dataset& dataset) const {
    const Limits& limits = metadata_.limits();
    if (bytes_ <= limits.expansion_floor) return;
    // Chunks may overlap in a hostile file; no more than the file itself is really there.
    const std::uint64_t stored = std::min(dataset.stored_bytes, metadata_.file_size());
    const auto most = checked_multiply(stored, limits.expansion_ratio * filter_gain(dataset));
    if (most && bytes_ > *most) {
        exceeds("bytes of a tensor of which only " + human_size(stored) + " are stored", bytes_,
                std::max(*most, limits.expansion_floor));
    }
}

void DatasetReader::refuse_external(const ObjectHeader& header, const HeaderMessage& message) {
    Cursor cursor = header.cursor(message, "an external file list");
    const std::uint64_t position = cursor.position();
    if (const int version = cursor.u8(); version != 1)
        cursor.unsupported("has version " + std::to_string(version));
    cursor.skip(5);
    const std::size_t count = cursor.u16();
    LocalHeap names(metadata_);
    names.load(metadata_.defined_address(cursor));
    std::string first;
    if (count != 0) first = names.text(metadata_.length(cursor), cursor);
    throw Error(ErrorCode::external_reference, "HDF5: the data of a dataset lie in " + std::to_string(count) +
                                                   " other file(s), the first is '" + escape(first) + "'")
        .at(position)
        .hint("copy the dataset into the file: h5repack -l DATASET:CONTI, or read and write it with h5py");
}

void DatasetReader::refuse_virtual(const ObjectHeader& header, const DataLayout& layout) {
    std::string first = "no dataset";
    if (layout.address != format::undefined) {
        Cursor cursor(heap_.object(layout.address, layout.heap_index), layout.address,
                      "a virtual dataset's sources");
        // Version 0 lists names and selections; later ones may share names, so only the kind of data is told.
        if (cursor.u8() == 0 && metadata_.length(cursor) != 0) {
            const std::string file(cursor.text());
            first = "'" + escape(file) + ":" + escape(cursor.text()) + "'";
        } else {
            first = "other datasets";
        }
    }
    throw Error(ErrorCode::external_reference,
                "HDF5: a virtual dataset takes its data from elsewhere: " + first)
        .at(header.position())
        .hint(
            "store the values themselves: read the dataset with h5py and write it as an ordinary one; or, "
            "when you trust the files, let the HDF5 C library read them: --with-libhdf5");
}

}  // namespace ballast::hdf5
