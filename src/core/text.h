// SPDX-License-Identifier: Apache-2.0
// Small text helpers: escaping names for terminals, UTF-8 checks, natural order, sizes for people. Pure
// functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ballast {

/// Control characters (C0, DEL, C1) and bytes that are not UTF-8 as \xNN, so that a name from a file cannot
/// drive a terminal. Printable UTF-8 stays.
std::string escape(std::string_view text);

bool is_utf8(std::string_view text) noexcept;

/// Digit runs compare as numbers: "dense_2" < "dense_10". A total order; ties are broken by bytes.
bool natural_less(std::string_view a, std::string_view b) noexcept;

/// "1.4 MB" (decimal units), exact below 1000: "512 B".
std::string human_size(std::uint64_t bytes);

/// The parts between separators; "a//b" gives an empty part.
std::vector<std::string_view> split(std::string_view text, char separator);

/// Number of single-character edits between two strings, capped: anything above `limit` gives limit + 1.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

}  // namespace ballast
