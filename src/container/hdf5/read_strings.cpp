// SPDX-License-Identifier: Apache-2.0
// Datasets of text, decoded when somebody asks for them.
#include <algorithm>
#include <array>

#include "container/hdf5/parse_attribute.h"
#include "container/hdf5/read.h"
#include "core/checked.h"
#include "filter/decode.h"

namespace ballast::hdf5 {

namespace {

/// The elements as they are stored: the dataset seen as bytes, with an axis more.
std::vector<std::byte> stored_elements(const Dataset& dataset, std::string name, std::uint64_t size) {
    TensorInfo tensor;
    tensor.stored_name = std::move(name);
    tensor.dtype = DType::uint8;
    const auto with_bytes = [&](const Shape& shape) {
        std::array<std::uint64_t, Shape::max_rank + 1> dims{};
        std::copy(shape.begin(), shape.end(), dims.begin());
        dims[shape.rank()] = dataset.element_size;
        return Shape(std::span(dims).first(shape.rank() + 1));
    };
    tensor.shape = with_bytes(dataset.shape);
    tensor.storage = dataset.storage;
    if (const auto* layout = std::get_if<std::shared_ptr<const ChunkedLayout>>(&dataset.storage.layout)) {
        auto widened = std::make_shared<ChunkedLayout>(**layout);
        widened->chunk_shape = with_bytes((*layout)->chunk_shape);
        tensor.storage.layout = std::move(widened);
    }
    std::vector<std::byte> bytes(static_cast<std::size_t>(size));
    read_tensor(tensor, bytes);
    return bytes;
}

}  // namespace

std::vector<std::string> read_strings(const File& file, ObjectId id, const Limits& limits) {
    const Dataset& dataset = file.dataset(id);
    if (dataset.text == Dataset::Text::none) {
        throw dataset.problem
            ? Error(*dataset.problem)
            : Error(ErrorCode::invalid_argument, "the dataset holds no text").tensor(file.path_of(id));
    }
    try {
        const std::uint64_t count = dataset.shape.element_count();
        const auto size = checked_multiply(count, dataset.element_size);
        if (!size || *size > limits.attribute_bytes) {
            throw Error(ErrorCode::limit_exceeded, "HDF5: a dataset of text is larger than the limit of " +
                                                       std::to_string(limits.attribute_bytes) + " bytes");
        }
        const auto bytes = stored_elements(dataset, file.path_of(id), *size);
        Metadata metadata(*file.source(), limits);
        metadata.geometry.base = file.widths_.base;
        metadata.geometry.offset_size = file.widths_.offset_size;
        metadata.geometry.length_size = file.widths_.length_size;
        GlobalHeap heap(metadata);
        Cursor cursor(bytes, file.object(id).address, "a dataset of text");
        metadata.charge(count * sizeof(std::string));
        std::vector<std::string> strings;
        strings.reserve(static_cast<std::size_t>(count));
        std::uint64_t total = 0;
        for (std::uint64_t i = 0; i < count && total <= limits.attribute_bytes; ++i) {
            if (dataset.text == Dataset::Text::variable) {
                strings.push_back(read_variable_text(metadata, heap, cursor));
            } else {
                const auto padding = static_cast<format::StringPadding>(dataset.text_padding);
                strings.emplace_back(without_padding(text_of(cursor.take(dataset.element_size)), padding));
            }
            total += strings.back().size();
        }
        if (total > limits.attribute_bytes) {
            throw Error(ErrorCode::limit_exceeded, "HDF5: a dataset of text is larger than the limit of " +
                                                       std::to_string(limits.attribute_bytes) + " bytes");
        }
        return strings;
    } catch (Error& error) {
        error.in(file.path()).tensor(file.path_of(id)).at(file.object(id).address);
        throw;
    }
}

}  // namespace ballast::hdf5
