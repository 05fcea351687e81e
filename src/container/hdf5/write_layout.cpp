// SPDX-License-Identifier: Apache-2.0
// Lays a described HDF5 file out.
#include "container/hdf5/write_layout.h"

#include <algorithm>
#include <limits>
#include <string>

#include "ballast/error.h"
#include "container/hdf5/write_chunks.h"
#include "container/hdf5/write_messages.h"
#include "container/hdf5/write_storage.h"
#include "core/checked.h"

namespace ballast::hdf5::writer {
namespace {

std::uint64_t divide_up(std::uint64_t value, std::uint64_t divisor) noexcept {
    return (value + divisor - 1) / divisor;
}

std::uint64_t name_size(const ObjectRecord& object) noexcept {
    return pad8(std::uint64_t{object.name_length} + 1);
}

[[noreturn]] void too_large(std::string message) {
    throw Error(ErrorCode::limit_exceeded, std::move(message));
}

/// Groups the objects by parent, each group's in the order of name bytes (char_traits compare unsigned).
void sort_children(Description& file) {
    auto& objects = file.objects;
    const auto count = static_cast<std::uint32_t>(objects.size());
    for (std::uint32_t id = 1; id < count; ++id)
        ++objects[objects[id].parent].child_count;
    std::uint32_t first = 0;
    for (ObjectRecord& object : objects) {
        object.first_child = first;
        first += object.child_count;
        object.child_count = 0;
    }
    file.children.resize(first);
    for (std::uint32_t id = 1; id < count; ++id) {
        ObjectRecord& parent = objects[objects[id].parent];
        file.children[parent.first_child + parent.child_count++] = id;
    }
    for (const ObjectRecord& object : objects) {
        const auto begin = file.children.begin() + object.first_child;
        std::sort(begin, begin + object.child_count,
                  [&](std::uint32_t a, std::uint32_t b) { return objects[a].label() < objects[b].label(); });
    }
}

void place_names(Description& file) {
    for (std::uint32_t id = 0; id < file.objects.size(); ++id) {
        const ObjectRecord& group = file.objects[id];
        std::uint64_t offset = empty_name_size;
        for (std::uint32_t i = 0; i < group.child_count; ++i) {
            ObjectRecord& child = file.objects[file.children[group.first_child + i]];
            child.heap_offset = static_cast<std::uint32_t>(offset);
            offset += name_size(child);
            if (offset > std::numeric_limits<std::uint32_t>::max()) {
                too_large("the names in group '" + file.path_of(id) + "' take more than 4 GiB");
            }
        }
    }
}

/// Bytes of a chunked dataset's index behind its header.
std::uint64_t index_size(const DatasetRecord& dataset) {
    if (!dataset.chunked) return 0;
    const ChunkedTarget& target = *dataset.chunked;
    return chunk_tree(chunk_count(target.value.shape(), target.chunk_shape), target.chunk_shape.rank())
        .size();
}

std::uint64_t object_size(const Description& file, const ObjectRecord& object) {
    return object.header_size +
           (object.is_group() ? geometry(file, object).size() : index_size(file.datasets[object.dataset]));
}

/// Parents before children, siblings by name: what one reads together lies together.
std::uint64_t place_objects(Description& file, std::uint64_t position) {
    file.order.reserve(file.objects.size());
    std::vector<std::uint32_t> pending{0};
    while (!pending.empty()) {
        const std::uint32_t id = pending.back();
        pending.pop_back();
        ObjectRecord& object = file.objects[id];
        file.order.push_back(id);
        object.address = position;
        if (!object.is_group() && file.datasets[object.dataset].chunked)
            file.datasets[object.dataset].data_address = position + object.header_size;
        position += object_size(file, object);
        for (std::uint32_t i = object.child_count; i-- != 0;) {
            pending.push_back(file.children[object.first_child + i]);
        }
    }
    return position;
}

/// Fills collections with the strings in the order they were given.
std::uint64_t place_strings(Description& file, std::uint64_t position) {
    std::uint64_t number = 0;
    const auto close = [&](Collection& open) {
        open.address = position;
        open.size = std::max(open.size, std::uint64_t{format::global_heap_minimum});
        position += open.size;
    };
    for (const HeapString& text : file.strings) {
        const std::uint64_t size = heap_object_size(text.length);
        const bool fits_open = !file.collections.empty() &&
                               file.collections.back().size + size <= full_collection &&
                               number - file.collections.back().first_string < max_collection_objects;
        if (!fits_open) {
            if (!file.collections.empty()) close(file.collections.back());
            file.collections.push_back({0, format::global_heap_prefix, number});
        }
        file.collections.back().size += size;
        ++number;
    }
    if (!file.collections.empty()) close(file.collections.back());
    return position;
}

std::uint64_t place_data(Description& file, std::uint64_t position) {
    for (DatasetRecord& dataset : file.datasets) {
        if (dataset.chunked) continue;
        const std::uint64_t length = dataset.value.byte_count();
        if (length == 0) {
            dataset.data_address = format::undefined;
            continue;
        }
        dataset.data_address = align_up(position, data_alignment);
        // The top quarter stays free, so that no alignment can wrap.
        const auto end = checked_add(dataset.data_address, length);
        if (!end || *end > std::numeric_limits<std::uint64_t>::max() / 4) {
            too_large("the tensors together take more bytes than a file can hold");
        }
        position = *end;
    }
    return position;
}

}  // namespace

std::uint64_t GroupGeometry::tree_node(std::size_t level, std::uint64_t node) const noexcept {
    std::uint64_t before = node;
    for (std::size_t above = level + 1; above < levels; ++above)
        before += tree_nodes[above];
    return before * tree_node_size;
}

std::uint64_t GroupGeometry::heap_header() const noexcept {
    return tree_node(0, tree_nodes[0]);
}

GroupGeometry geometry(std::uint64_t links, std::uint64_t heap_segment_size) noexcept {
    GroupGeometry shape;
    shape.links = links;
    shape.symbol_nodes = divide_up(links, links_per_node);
    shape.heap_segment_size = heap_segment_size;
    shape.tree_nodes[0] = std::max<std::uint64_t>(1, divide_up(shape.symbol_nodes, children_per_node));
    while (shape.tree_nodes[shape.levels - 1] > 1) {
        shape.tree_nodes[shape.levels] = divide_up(shape.tree_nodes[shape.levels - 1], children_per_node);
        ++shape.levels;
    }
    return shape;
}

GroupGeometry geometry(const Description& file, const ObjectRecord& group) noexcept {
    std::uint64_t segment = empty_name_size;
    if (group.child_count != 0) {
        const ObjectRecord& last = file.objects[file.children[group.first_child + group.child_count - 1]];
        segment = last.heap_offset + name_size(last);
    }
    return geometry(group.child_count, segment);
}

std::uint64_t heap_object_size(std::uint64_t length) noexcept {
    return format::global_heap_object + pad8(length);
}

void lay_out(Description& file) {
    file.objects_by_name.release();
    file.crowded_names = {};
    file.form_numbers = {};
    file.name_numbers = {};
    sort_children(file);
    place_names(file);
    file.structure_end = place_strings(file, place_objects(file, format::superblock::size_v0));
    file.file_end = pad8(place_data(file, file.structure_end));
}

}  // namespace ballast::hdf5::writer
