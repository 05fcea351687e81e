// SPDX-License-Identifier: Apache-2.0
// Where a save goes: the format and the file's name, by what the caller asks for. One thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "ballast/format.h"
#include "ballast/io.h"
#include "ballast/options.h"
#include "ballast/report.h"

namespace ballast {

/// The format to write. A size of shards given for a format of one file means its set, whose manifest has
/// another name: then the destination's changes.
const Format& target_format(std::string_view to, std::uint64_t max_shard_size, Location& destination,
                            Report& report);

/// unsupported where a size of shards is asked of a format that is one file always, or whose set is another
/// format.
void require_shards(const FormatInfo& format, const SaveOptions& save, const Location& destination);

/// invalid_argument for a compression the format does not have; else a note on who reads it.
void check_compression(const FormatInfo& format, const SaveOptions& save, Report& report);

}  // namespace ballast
