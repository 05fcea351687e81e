// SPDX-License-Identifier: Apache-2.0
// Bounds on what a file may make us do. Every one is checked before memory is taken; the error names the
// limit.
#pragma once

#include <cstdint>

namespace ballast {

/// Sizes in bytes unless said otherwise. A plain value; the defaults suit untrusted files.
struct Limits {
    std::uint64_t objects = 1'000'000;            ///< groups, datasets and links visited in one file
    std::uint64_t links = 2'000'000;              ///< links of all groups together
    std::uint32_t group_depth = 64;               ///< nesting of groups
    std::uint32_t json_depth = 64;                ///< nesting of JSON values (Keras configs stay far below)
    std::uint64_t json_bytes = 256ull << 20;      ///< one JSON text (configs, safetensors headers)
    std::uint64_t json_nodes = 20'000'000;        ///< values in one JSON text
    std::uint32_t name_bytes = 4096;              ///< one link, tensor or attribute name
    std::uint64_t attribute_bytes = 64ull << 20;  ///< one attribute's value
    std::uint64_t metadata_bytes = 1ull << 30;    ///< all attributes and decoded strings of one file
    std::uint64_t tensor_bytes = 1ull << 40;      ///< declared size of one tensor
    std::uint64_t expansion_floor =
        64ull << 20;                       ///< a tensor below this size may be stored in any number of bytes;
    std::uint64_t expansion_ratio = 1000;  ///< above it, declared bytes <= ratio * stored bytes
    std::uint64_t chunk_bytes = 256ull << 20;  ///< one decoded chunk
    std::uint64_t shards = 100'000;            ///< files of one set
    std::uint32_t filters = 8;                 ///< filters of one dataset
};

}  // namespace ballast
