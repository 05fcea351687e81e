// SPDX-License-Identifier: Apache-2.0
// Where every structure of a described file lies. Nothing's length depends on an address, so one pass is
// enough.
//
// Order in the file: superblock; every object, parents before children, children by name bytes (header, then
// for a group its B-tree, local heap and symbol nodes); global heap collections; raw data in order of
// insertion. lay_out() runs on the describing thread; the geometry functions are pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "container/hdf5/format.h"
#include "container/hdf5/write_records.h"

namespace ballast::hdf5::writer {

inline constexpr std::uint64_t links_per_node = std::uint64_t{2} * format::default_leaf_k;
inline constexpr std::uint64_t children_per_node = std::uint64_t{2} * format::default_internal_k;
// Nodes are always stored in full size; what is unused is zero.
inline constexpr std::uint64_t symbol_node_size =
    format::symbol_node_prefix + links_per_node * format::symbol_entry;
inline constexpr std::uint64_t tree_node_size =
    format::tree_prefix + 8 * children_per_node + 8 * (children_per_node + 1);
inline constexpr std::uint64_t empty_name_size = 8;  ///< every local heap begins with the empty name

inline constexpr std::uint64_t full_collection =
    64 << 10;  ///< no string is added beyond this, but one may be alone
inline constexpr std::uint64_t max_collection_objects = 65535;

/// The parts of a group behind its object header, as distances from the end of that header.
struct GroupGeometry {
    static constexpr std::size_t max_levels = 8;  // 8 * 32^6 links exceed 32 bits

    std::uint64_t links = 0;
    std::uint64_t symbol_nodes = 0;
    std::size_t levels = 1;
    std::array<std::uint64_t, max_levels> tree_nodes{};  ///< by level, 0 = just above the symbol nodes
    std::uint64_t heap_segment_size = 0;

    /// Of tree node `node` of `level`; the top level comes first, so the root node is at 0.
    std::uint64_t tree_node(std::size_t level, std::uint64_t node) const noexcept;
    std::uint64_t heap_header() const noexcept;
    std::uint64_t heap_segment() const noexcept { return heap_header() + format::local_heap_prefix; }
    std::uint64_t symbol_node(std::uint64_t node) const noexcept {
        return heap_segment() + heap_segment_size + node * symbol_node_size;
    }
    std::uint64_t size() const noexcept { return symbol_node(symbol_nodes); }
};

GroupGeometry geometry(std::uint64_t links, std::uint64_t heap_segment_size) noexcept;
/// Of a group of a description whose children are sorted and have heap offsets.
GroupGeometry geometry(const Description& file, const ObjectRecord& group) noexcept;

/// Bytes a string takes in a collection.
std::uint64_t heap_object_size(std::uint64_t length) noexcept;

/// Sorts links, places every structure and all data, and drops what only describing needs.
/// Throws limit_exceeded when a size does not fit the format.
void lay_out(Description& file);

}  // namespace ballast::hdf5::writer
