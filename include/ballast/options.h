// SPDX-License-Identifier: Apache-2.0
// Options and callbacks shared by opening, saving and converting. Plain values.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/export.h"
#include "ballast/limits.h"
#include "ballast/tree.h"

namespace ballast {

/// How far an operation is. Called one at a time on the thread that started the operation.
struct Progress {
    std::uint64_t done_bytes = 0;   ///< decoded; starts anew where an operation needs another pass
    std::uint64_t total_bytes = 0;  ///< what done_bytes ends at
};
/// Called when something moved; what it throws ends the operation as an error would. Empty = not called.
using ProgressCallback = std::function<void(const Progress&)>;
/// Return true to stop: the operation ends with `cancelled` and the destination stays as it was. Called
/// often, on the starting thread. Empty = never.
using CancelCallback = std::function<bool()>;

/// How a file is to be read. The defaults suit untrusted files of any format.
struct OpenOptions {
    std::string format;  ///< an id or alias; empty = decide by content
    Limits limits;       ///< what the file may make us do; limit_exceeded above
    /// The model's architecture ({"class_name", "config", …} as Keras writes it), for files that lack it or
    /// whose own shall not be used; null = none.
    Tree config;
    std::string config_path;  ///< where `config` came from, for messages
};

/// How tensors are named in formats without layers of their own (safetensors, npz).
enum class Names : std::uint8_t { canonical, stored };

/// Compression of tensors, for formats that have it (HDF5: chunks, shuffled first).
struct Compression {
    /// gzip: what every HDF5 reader opens. zstd: filter 32015, which plain Keras cannot read;
    /// backend_missing in a build without it.
    enum class Method : std::uint8_t { none, gzip, zstd };
    Method method = Method::none;  ///< none = plain, contiguous tensors
    std::optional<int> level;      ///< gzip 1 to 9, zstd 1 to 19; absent = the method's usual one (4, 3)
    std::uint64_t chunk_bytes = 1 << 20;  ///< decoded size of a chunk, about
};

/// What a format is asked to write.
struct SaveOptions {
    std::string flavor;              ///< empty = the format's default
    bool weights_only = false;       ///< of a model format: leave out the configs
    bool include_optimizer = true;   ///< false = without optimizer and metric state
    Names names = Names::canonical;  ///< of tensors in formats without layers
    /// Most array bytes a file of a set; 0 = not asked for: a set keeps its source's partition, other formats
    /// stay one file. convert() and save_weights() turn to the format of sets then; save() does not.
    std::uint64_t max_shard_size = 0;
    Compression compression;  ///< another than none is invalid_argument where a format has none
    Limits limits;            ///< for what a writer reads again: the other files of a SavedModel
};

/// "gzip", "gzip:9", "zstd", "zstd:3"; invalid_argument for anything else. That a method
/// has such a level is checked when it is used.
BALLAST_API Compression parse_compression(std::string_view text);

/// "2GB", "1.5 GiB", "500kB", "123B" (units decimal, or binary with an i); a bare number is Keras' unit of
/// 1024^3 bytes. invalid_argument for anything else, for nothing and for more than 2^63.
BALLAST_API std::uint64_t parse_shard_size(std::string_view text);

/// What becomes of a file that has the destination's name.
enum class Overwrite : std::uint8_t {
    refuse,  ///< error `exists`
    allow,   ///< replace it in one step
    ask,     ///< call WriteOptions::ask
};

/// How the engine writes.
struct WriteOptions {
    Overwrite overwrite = Overwrite::refuse;           ///< of the one name that publishes the result
    std::function<bool(const std::string& path)> ask;  ///< true = replace it; empty = refuse
    bool durable = true;                               ///< fsync data and folder before success is reported
    bool allow_nonatomic = false;  ///< permit overwriting where the file system cannot replace in one step
    unsigned threads = 0;          ///< 0 = one a processor, at most 8
    ProgressCallback progress;     ///< counts WritePlan::tensor_bytes()
    CancelCallback cancel;         ///< until the commit; after that the operation succeeds
};

}  // namespace ballast
