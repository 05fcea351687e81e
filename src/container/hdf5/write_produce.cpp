// SPDX-License-Identifier: Apache-2.0
// Makes structure bytes: superblock, object headers, groups, global heap.
#include "container/hdf5/write_produce.h"

#include <algorithm>
#include <cstring>

#include "container/hdf5/write_layout.h"
#include "container/hdf5/write_messages.h"
#include "container/hdf5/write_storage.h"

namespace ballast::hdf5::writer {
namespace {

constexpr auto cached_group = static_cast<std::uint32_t>(format::SymbolCache::group);

/// A segment being filled: bytes put at file positions, clipped to it. Starts as zeros, which all padding is.
class Window {
public:
    Window(std::uint64_t begin, std::span<std::byte> out) : begin_(begin), out_(out) {
        std::fill(out.begin(), out.end(), std::byte{0});
    }
    std::uint64_t begin() const noexcept { return begin_; }
    std::uint64_t end() const noexcept { return begin_ + out_.size(); }
    bool touches(std::uint64_t position, std::uint64_t length) const noexcept {
        return position < end() && position + length > begin_;
    }
    void put(std::uint64_t position, std::span<const std::byte> bytes) noexcept {
        if (!touches(position, bytes.size())) return;
        const std::uint64_t skipped = position < begin_ ? begin_ - position : 0;
        const std::uint64_t at = position + skipped - begin_;
        const std::uint64_t length = std::min<std::uint64_t>(bytes.size() - skipped, out_.size() - at);
        std::memcpy(out_.data() + at, bytes.data() + skipped, length);
    }
    void put(std::uint64_t position, std::string_view text) noexcept {
        put(position, std::as_bytes(std::span(text)));
    }
    /// The items [first, last) of an array at `position` that the window touches.
    std::pair<std::uint64_t, std::uint64_t> touched(std::uint64_t position, std::uint64_t item_size,
                                                    std::uint64_t count) const noexcept {
        if (!touches(position, item_size * count)) return {0, 0};
        const std::uint64_t first = begin_ > position ? (begin_ - position) / item_size : 0;
        const std::uint64_t last = (end() - position + item_size - 1) / item_size;
        return {first, std::min(last, count)};
    }

private:
    std::uint64_t begin_;
    std::span<std::byte> out_;
};

/// Emits the structures that a window touches.
class Emitter {
public:
    Emitter(const Description& file, Window& window) : file_(file), window_(window) {}

    void superblock();
    void object(const ObjectRecord& object);
    void collection(const Collection& collection, std::uint64_t strings_end);

private:
    void group_header(const ObjectRecord& group);
    void dataset_header(const ObjectRecord& object);
    void attributes(const ObjectRecord& object, std::uint64_t position);
    void references(std::uint64_t position, std::uint64_t first_string, std::uint64_t count);
    void tree(const ObjectRecord& group, const GroupGeometry& parts);
    void tree_node(const ObjectRecord& group, const GroupGeometry& parts, std::size_t level,
                   std::uint64_t node);
    void local_heap(const ObjectRecord& group, const GroupGeometry& parts);
    void symbol_nodes(const ObjectRecord& group, const GroupGeometry& parts);
    void link(const ObjectRecord& child);

    const ObjectRecord& child(const ObjectRecord& group, std::uint64_t position) const {
        return file_.objects[file_.children[group.first_child + position]];
    }
    static std::uint64_t parts_address(const ObjectRecord& group) {
        return group.address + group.header_size;
    }
    /// Heap offset of the last name before symbol node `node`: what separates two subtrees.
    std::uint64_t key_before(const ObjectRecord& group, const GroupGeometry& parts, std::uint64_t node) const;

    const Description& file_;
    Window& window_;
    Encoder scratch_;
};

void Emitter::superblock() {
    if (!window_.touches(0, format::superblock::size_v0)) return;
    const ObjectRecord& root = file_.objects.front();
    const GroupGeometry parts = geometry(file_, root);
    constexpr std::uint8_t offset_size = 8, length_size = 8;
    scratch_.clear()
        .raw(std::as_bytes(std::span(format::signature)))
        .u32(0)
        .u8(0)
        .u8(offset_size)
        .u8(length_size)
        .u8(0);
    scratch_.u16(format::default_leaf_k).u16(format::default_internal_k).u32(0);
    scratch_.u64(0).u64(format::undefined).u64(file_.file_end).u64(format::undefined);
    scratch_.u64(0).u64(root.address).u32(cached_group).u32(0);
    scratch_.u64(parts_address(root)).u64(parts_address(root) + parts.heap_header());
    window_.put(0, scratch_.bytes());
}

void Emitter::object(const ObjectRecord& object) {
    if (!object.is_group()) return dataset_header(object);
    group_header(object);
    const GroupGeometry parts = geometry(file_, object);
    tree(object, parts);
    local_heap(object, parts);
    symbol_nodes(object, parts);
}

void Emitter::group_header(const ObjectRecord& group) {
    if (!window_.touches(group.address, group.header_size)) return;
    scratch_.clear();
    encode_object_prefix(scratch_, group.message_count, group.header_size);
    encode_message_header(scratch_, Message::symbol_table, symbol_table_body);
    scratch_.u64(parts_address(group)).u64(parts_address(group) + geometry(file_, group).heap_header());
    window_.put(group.address, scratch_.bytes());
    attributes(group, group.address + scratch_.size());
}

void Emitter::dataset_header(const ObjectRecord& object) {
    if (!window_.touches(object.address, object.header_size)) return;
    const DatasetRecord& dataset = file_.datasets[object.dataset];
    scratch_.clear();
    encode_object_prefix(scratch_, object.message_count, object.header_size);
    encode_value_messages(scratch_, dataset.value.dtype(), dataset.value.shape());
    if (dataset.chunked) {
        encode_chunked_messages(scratch_, dataset.data_address, *dataset.chunked);
    } else {
        encode_storage_messages(scratch_, dataset.data_address, dataset.value.byte_count());
    }
    window_.put(object.address, scratch_.bytes());
    attributes(object, object.address + scratch_.size());
}

void Emitter::attributes(const ObjectRecord& object, std::uint64_t position) {
    for (std::uint32_t number = object.first_attribute; number != none && position < window_.end();) {
        const AttributeRecord& attribute = file_.attributes[number];
        const AttributeForm& form = file_.forms[attribute.form];
        if (window_.touches(position, form.message_size)) {
            window_.put(position, form.prefix);
            const std::uint64_t data = position + form.prefix.size();
            if (form.strings) {
                references(data, attribute.first_string, form.data_size / format::vlen_element);
            } else {
                window_.put(data, std::string_view(attribute.data, form.data_size));
            }
        }
        position += form.message_size;
        number = attribute.next;
    }
}

void Emitter::references(std::uint64_t position, std::uint64_t first_string, std::uint64_t count) {
    const auto holds = [](std::uint64_t string, const Collection& each) {
        return string < each.first_string;
    };
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t string = first_string + i;
        const auto next = std::upper_bound(file_.collections.begin(), file_.collections.end(), string, holds);
        const Collection& holder = *std::prev(next);
        scratch_.clear().u32(file_.strings[string].length).u64(holder.address);
        scratch_.u32(static_cast<std::uint32_t>(string - holder.first_string + 1));
        window_.put(position + i * format::vlen_element, scratch_.bytes());
    }
}

std::uint64_t Emitter::key_before(const ObjectRecord& group, const GroupGeometry& parts,
                                  std::uint64_t node) const {
    if (node == 0) return 0;
    return child(group, std::min(node * links_per_node, parts.links) - 1).heap_offset;
}

void Emitter::tree(const ObjectRecord& group, const GroupGeometry& parts) {
    for (std::size_t level = parts.levels; level-- != 0;) {
        const std::uint64_t base = parts_address(group) + parts.tree_node(level, 0);
        const auto [first, last] = window_.touched(base, tree_node_size, parts.tree_nodes[level]);
        for (std::uint64_t node = first; node < last; ++node)
            tree_node(group, parts, level, node);
    }
}

void Emitter::tree_node(const ObjectRecord& group, const GroupGeometry& parts, std::size_t level,
                        std::uint64_t node) {
    const std::uint64_t base = parts_address(group);
    const std::uint64_t below = level == 0 ? parts.symbol_nodes : parts.tree_nodes[level - 1];
    const std::uint64_t first = node * children_per_node;
    const std::uint64_t last = std::min(first + children_per_node, below);
    std::uint64_t symbol_nodes_each = 1;  // below one child of this node
    for (std::size_t i = 0; i < level; ++i)
        symbol_nodes_each *= children_per_node;

    const auto sibling = [&](bool exists, std::uint64_t which) {
        return exists ? base + parts.tree_node(level, which) : format::undefined;
    };
    scratch_.clear()
        .text(format::tree)
        .u8(static_cast<std::uint8_t>(format::TreeType::group))
        .u8(static_cast<std::uint8_t>(level));
    scratch_.u16(static_cast<std::uint16_t>(last - first));
    scratch_.u64(sibling(node > 0, node - 1)).u64(sibling(node + 1 < parts.tree_nodes[level], node + 1));
    for (std::uint64_t i = first; i < last; ++i) {
        scratch_.u64(key_before(group, parts, i * symbol_nodes_each));
        scratch_.u64(base + (level == 0 ? parts.symbol_node(i) : parts.tree_node(level - 1, i)));
    }
    scratch_.u64(key_before(group, parts, std::min(last * symbol_nodes_each, parts.symbol_nodes)));
    window_.put(base + parts.tree_node(level, node), scratch_.bytes());
}

void Emitter::local_heap(const ObjectRecord& group, const GroupGeometry& parts) {
    const std::uint64_t base = parts_address(group);
    const std::uint64_t segment = base + parts.heap_segment();
    scratch_.clear()
        .text(format::local_heap)
        .u32(0)
        .u64(parts.heap_segment_size)
        .u64(format::local_heap_no_free)
        .u64(segment);
    window_.put(base + parts.heap_header(), scratch_.bytes());
    if (!window_.touches(segment, parts.heap_segment_size)) return;

    // The first name that may reach into the window: the last one starting at or before it.
    const std::uint64_t wanted = window_.begin() > segment ? window_.begin() - segment : 0;
    const auto begin = file_.children.begin() + group.first_child;
    auto at = std::upper_bound(
        begin, begin + group.child_count, wanted,
        [&](std::uint64_t offset, std::uint32_t id) { return offset < file_.objects[id].heap_offset; });
    if (at != begin) --at;
    for (; at != begin + group.child_count; ++at) {
        const ObjectRecord& named = file_.objects[*at];
        if (segment + named.heap_offset >= window_.end()) break;
        window_.put(segment + named.heap_offset, named.label());
    }
}

void Emitter::symbol_nodes(const ObjectRecord& group, const GroupGeometry& parts) {
    const std::uint64_t base = parts_address(group) + parts.symbol_node(0);
    const auto [first, last] = window_.touched(base, symbol_node_size, parts.symbol_nodes);
    for (std::uint64_t node = first; node < last; ++node) {
        const std::uint64_t from = node * links_per_node;
        const std::uint64_t to = std::min(from + links_per_node, parts.links);
        constexpr std::uint8_t version = 1;
        scratch_.clear()
            .text(format::symbol_node)
            .u8(version)
            .u8(0)
            .u16(static_cast<std::uint16_t>(to - from));
        for (std::uint64_t i = from; i < to; ++i)
            link(child(group, i));
        window_.put(base + node * symbol_node_size, scratch_.bytes());
    }
}

void Emitter::link(const ObjectRecord& child) {
    scratch_.u64(child.heap_offset).u64(child.address);
    if (!child.is_group()) {
        scratch_.zeros(8 + format::symbol_scratch);
        return;
    }
    const std::uint64_t parts = parts_address(child);
    scratch_.u32(cached_group).u32(0).u64(parts).u64(parts + geometry(file_, child).heap_header());
}

void Emitter::collection(const Collection& collection, std::uint64_t strings_end) {
    constexpr std::uint8_t version = 1;
    scratch_.clear().text(format::global_heap).u8(version).zeros(3).u64(collection.size);
    window_.put(collection.address, scratch_.bytes());
    std::uint64_t position = collection.address + format::global_heap_prefix;
    for (std::uint64_t string = collection.first_string; string < strings_end; ++string) {
        const HeapString& text = file_.strings[string];
        const auto index = static_cast<std::uint16_t>(string - collection.first_string + 1);
        scratch_.clear().u16(index).u16(0).u32(0).u64(text.length);
        window_.put(position, scratch_.bytes());
        window_.put(position + format::global_heap_object, std::string_view(text.text, text.length));
        position += heap_object_size(text.length);
    }
    // Without this the library scans the rest for ever; a rest too small for a header is left zero.
    const std::uint64_t rest = collection.address + collection.size - position;
    if (rest >= format::global_heap_object) {
        scratch_.clear().u64(0).u64(rest);
        window_.put(position, scratch_.bytes());
    }
}

/// The first record whose bytes may reach `position`, given records sorted by address.
template <class Iterator, class AddressOf>
Iterator first_reaching(Iterator begin, Iterator end, std::uint64_t position, AddressOf address_of) {
    const auto after = std::upper_bound(begin, end, position, [&](std::uint64_t wanted, const auto& record) {
        return wanted < address_of(record);
    });
    return after == begin ? begin : std::prev(after);
}

}  // namespace

void StructureProducer::produce(std::uint64_t cookie, std::span<std::byte> out) const {
    const Description& file = *file_;
    Window window(cookie * segment_size, out);
    Emitter emit(file, window);
    emit.superblock();

    const auto address = [&](std::uint32_t id) { return file.objects[id].address; };
    for (auto at = first_reaching(file.order.begin(), file.order.end(), window.begin(), address);
         at != file.order.end() && address(*at) < window.end(); ++at) {
        emit.object(file.objects[*at]);
    }
    const auto& collections = file.collections;
    for (auto at = first_reaching(collections.begin(), collections.end(), window.begin(),
                                  [](const Collection& each) { return each.address; });
         at != collections.end() && at->address < window.end(); ++at) {
        const bool is_last = std::next(at) == collections.end();
        emit.collection(*at, is_last ? file.strings.size() : std::next(at)->first_string);
    }
}

}  // namespace ballast::hdf5::writer
