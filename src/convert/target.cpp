// SPDX-License-Identifier: Apache-2.0
// Where a save goes, see target.h.
#include "convert/target.h"

#include <string>

#include "ballast/error.h"
#include "ballast/registry.h"

namespace ballast {
namespace {

/// "sharded_h5, safetensors": those that write sets.
std::string sets() {
    std::string names;
    for (const FormatInfo* info : Registry::current().infos())
        if (info->can.shards && info->can.write) names += (names.empty() ? "" : ", ") + std::string(info->id);
    return names;
}

}  // namespace

const Format& target_format(std::string_view to, std::uint64_t max_shard_size, Location& destination,
                            Report& report) {
    const Registry& registry = Registry::current();
    const Format& format = registry.for_writing(to, destination.name);
    const FormatInfo& info = format.info();
    if (info.kind != Location::Kind::file) destination.kind = info.kind;
    // P.index stands for P, as it does for reading; ".index" for the prefix without a name.
    constexpr std::string_view index_suffix = ".index";
    if (info.kind == Location::Kind::prefix && destination.name.ends_with(index_suffix))
        destination.name.resize(destination.name.size() - index_suffix.size());
    if (max_shard_size == 0) return format;
    if (info.set_format.empty())
        throw Error(ErrorCode::invalid_argument,
                    "the format " + std::string(info.id) + " is never cut into shards")
            .in(destination.display())
            .hint("leave --max-shard-size out, or choose a format that is: " + sets());
    const Format& set = registry.find(info.set_format);
    std::string& name = destination.name;
    if (name.ends_with(info.set_suffix)) return set;
    for (const std::string_view extension : info.extensions) {
        if (!name.ends_with(extension)) continue;
        name.resize(name.size() - extension.size());
        break;
    }
    name += info.set_suffix;
    report.warn("a set of shards is known by its manifest: writing " + destination.display());
    return set;
}

void require_shards(const FormatInfo& format, const SaveOptions& save, const Location& destination) {
    if (save.max_shard_size == 0 || format.can.shards) return;
    throw Error(ErrorCode::unsupported, "the format " + std::string(format.id) + " is one file always")
        .in(destination.display())
        .hint(format.set_format.empty()
                  ? "leave SaveOptions::max_shard_size out, or choose a format that writes sets: " + sets()
                  : "save to the format " + std::string(format.set_format) + ", which is its set");
}

void check_compression(const FormatInfo& format, const SaveOptions& save, Report& report) {
    if (save.compression.method == Compression::Method::none) return;
    if (!format.can.compression)
        throw Error(ErrorCode::invalid_argument,
                    "the format " + std::string(format.id) + " is never compressed")
            .hint("leave --compress out, or choose another format");
    report.note(save.compression.method == Compression::Method::gzip
                    ? "gzip chunks: every HDF5 reader opens them, more slowly than plain data"
                    : "zstd chunks: plain Keras cannot read them; Python needs `import hdf5plugin` first");
}

}  // namespace ballast
