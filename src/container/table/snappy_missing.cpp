// SPDX-License-Identifier: Apache-2.0
// Stands in for Snappy in a build without it, see snappy_block.h.
#include "ballast/error.h"
#include "container/table/snappy_block.h"

namespace ballast::table {

std::string decompressed(const std::string&, std::uint64_t) {
    throw Error(ErrorCode::backend_missing, "the table is compressed with Snappy, which this build lacks")
        .hint("build Ballast with -Dsnappy=enabled");
}

}  // namespace ballast::table
