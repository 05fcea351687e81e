// SPDX-License-Identifier: Apache-2.0
// The transfer engine: carries out a WritePlan with bounded memory, several threads and one commit point.
//
// For one file: temporary sibling -> pieces -> patches -> fsync -> keep mode -> rename -> fsync folder. For a
// set: new members under unused names, then the commit file's rename, then removal of the old members. Any
// error, cancellation or signal flag leaves the destination as it was and no temporary behind. Call from one
// thread; progress and cancel callbacks come on that thread, one at a time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ballast/io.h"
#include "ballast/options.h"
#include "ballast/plan.h"

namespace ballast {

/// How the bytes of pieces travelled.
enum class Route : std::uint8_t { kernel_copy, read_write, chunk_copy, decode, compute, produced };
inline constexpr std::size_t route_count = 6;

struct TransferStats {
    std::array<std::uint64_t, route_count> bytes{};
    std::uint64_t written = 0;
    std::vector<std::string>
        not_removed;  ///< members of the old set that are still there although the save succeeded
};

/// Carries out the plan in `fs`. Errors: exists, symlink_refused, not_atomic, write_failed, no_space,
/// cancelled, and whatever reading a value throws.
TransferStats execute(const WritePlan& plan, const std::shared_ptr<io::Fs>& fs, const WriteOptions& options);

}  // namespace ballast
