// SPDX-License-Identifier: Apache-2.0
// From a location to a prefix, see locate.h.
#include "container/bundle/locate.h"

#include "container/bundle/types.h"
#include "container/table/table.h"

namespace ballast::bundle {
namespace {

constexpr std::string_view index_suffix = ".index", data_infix = ".data-";

}  // namespace

std::optional<std::string> prefix_of(const Location& location) {
    switch (location.kind) {
        case Location::Kind::prefix:
            return location.name;
        case Location::Kind::directory:
            return location.fs->stat(std::string(index_suffix)) ? std::optional<std::string>("")
                                                                : std::nullopt;
        case Location::Kind::file:
            break;
    }
    const std::string& name = location.name;
    if (name.ends_with(index_suffix)) return name.substr(0, name.size() - index_suffix.size());
    // One of the data files, given for the whole.
    const std::size_t at = name.rfind(data_infix);
    if (at != std::string::npos && shard_numbers(name.substr(0, at), name)) return name.substr(0, at);
    // P of version 1 beside P.index: TensorFlow takes the latter.
    const auto itself = location.fs->stat(name);
    if (itself && itself->kind == io::FileKind::regular && location.fs->stat(index_name(name)) &&
        table::has_magic(*location.fs->open(name)))
        return name;
    return std::nullopt;
}

}  // namespace ballast::bundle
