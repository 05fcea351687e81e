// SPDX-License-Identifier: Apache-2.0
// The numbers of the HDF5 file format, shared by our reader and our writer. docs/formats/hdf5.md shows the
// same numbers as offset tables. Constants only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ballast::hdf5::format {

inline constexpr std::array<unsigned char, 8> signature{0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
/// After 0 the superblock may lie at 512, 1024, 2048, …; what comes before it is the user block.
inline constexpr std::uint64_t first_user_block = 512;

/// An address of which every byte is 0xff, whatever its width: nothing stored.
inline constexpr std::uint64_t undefined = ~std::uint64_t{0};

// ---- Superblock, versions 0 and 1 (offsets from the signature; O = L = 8) ----
namespace superblock {
inline constexpr std::size_t version = 8, offset_size = 13, length_size = 14, leaf_k = 16, internal_k = 18,
                             flags = 20, addresses = 24, size_v0 = 96;
inline constexpr std::size_t addresses_v1 = 28;  ///< after chunk K (2) and two reserved bytes
inline constexpr std::size_t v2_offset_size = 9, v2_length_size = 10, v2_flags = 11, v2_addresses = 12;
}  // namespace superblock

/// Node capacities where the superblock (or its extension) says nothing else: a node holds twice as many.
inline constexpr std::uint16_t default_leaf_k = 4, default_internal_k = 16, default_chunk_k = 32;

// ---- Signatures ----
inline constexpr std::string_view tree = "TREE", symbol_node = "SNOD", local_heap = "HEAP",
                                  global_heap = "GCOL", header_v2 = "OHDR", header_continuation = "OCHK",
                                  fractal_heap = "FRHP", fractal_direct = "FHDB", fractal_indirect = "FHIB",
                                  btree2_header = "BTHD", btree2_leaf = "BTLF", btree2_internal = "BTIN",
                                  fixed_array_header = "FAHD", fixed_array_block = "FADB",
                                  extensible_array_header = "EAHD", extensible_array_index = "EAIB",
                                  extensible_array_super = "EASB", extensible_array_block = "EADB",
                                  shared_message_table = "SMTB";

// ---- Sizes in bytes (O = L = 8 where addresses are part of it) ----
inline constexpr std::size_t header_v1_prefix = 16, message_v1_prefix = 8, tree_prefix = 24,
                             symbol_node_prefix = 8, symbol_entry = 40, symbol_scratch = 16,
                             local_heap_prefix = 32, global_heap_prefix = 16, global_heap_object = 16,
                             global_heap_minimum = 4096, vlen_element = 16;
/// Bodies of version 1 messages are multiples of 8 below this; the size field has 16 bits.
inline constexpr std::size_t largest_message = 65528;
inline constexpr std::size_t most_filters = 32, most_members = 4096;

/// Object header messages.
enum class Message : std::uint16_t {
    nil = 0x00,
    dataspace = 0x01,
    link_info = 0x02,
    datatype = 0x03,
    old_fill = 0x04,
    fill = 0x05,
    link = 0x06,
    external_files = 0x07,
    layout = 0x08,
    bogus = 0x09,
    group_info = 0x0a,
    filters = 0x0b,
    attribute = 0x0c,
    comment = 0x0d,
    old_mtime = 0x0e,
    shared_table = 0x0f,
    continuation = 0x10,
    symbol_table = 0x11,
    mtime = 0x12,
    btree_k = 0x13,
    driver_info = 0x14,
    attribute_info = 0x15,
    reference_count = 0x16,
    free_space = 0x17,
    cache_image = 0x18,
};
inline constexpr std::size_t message_count = 0x19;

/// Bits of a message's flags byte.
namespace message_flag {
inline constexpr std::uint8_t constant = 0x01, shared = 0x02, fail_if_unknown = 0x80;
}

enum class TypeClass : std::uint8_t {
    fixed = 0,
    floating = 1,
    time = 2,
    string = 3,
    bitfield = 4,
    opaque = 5,
    compound = 6,
    reference = 7,
    enumeration = 8,
    vlen = 9,
    array = 10,
    complex = 11,
};
enum class StringPadding : std::uint8_t { nul_terminated = 0, nul_padded = 1, space_padded = 2 };
enum class Charset : std::uint8_t { ascii = 0, utf8 = 1 };

enum class LayoutClass : std::uint8_t { compact = 0, contiguous = 1, chunked = 2, virtual_dataset = 3 };

/// Types of version 1 B-trees.
enum class TreeType : std::uint8_t { group = 0, chunks = 1 };
/// Types of version 2 B-trees.
enum class Tree2Type : std::uint8_t {
    huge_indirect = 1,
    huge_indirect_filtered = 2,
    huge_direct = 3,
    huge_direct_filtered = 4,
    link_name = 5,
    link_order = 6,
    shared_message = 7,
    attribute_name = 8,
    attribute_order = 9,
    chunk = 10,
    chunk_filtered = 11,
};

/// How the chunks of a dataset are listed. The numbers are those of layout messages of version 4; the version
/// 1 B-tree, which older messages imply, has none.
enum class ChunkIndex : std::uint8_t {
    btree1 = 0,
    single = 1,
    implicit = 2,
    fixed_array = 3,
    extensible_array = 4,
    btree2 = 5,
};

enum class LinkType : std::uint8_t { hard = 0, soft = 1, external = 64 };
/// "Cache type" of a symbol table entry: what its 16 scratch bytes hold.
enum class SymbolCache : std::uint32_t { none = 0, group = 1, soft_link = 2 };

/// The one value that libhdf5 takes for "no free block" in a local heap; older notes also allow all ones.
inline constexpr std::uint64_t local_heap_no_free = 1;

}  // namespace ballast::hdf5::format
