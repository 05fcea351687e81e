// SPDX-License-Identifier: Apache-2.0
// JSON <-> Tree. RapidJSON's SAX reader, iterative, numbers kept as text, with our own bounds.
//
// Accepts what Python's json module reads and writes, including NaN, Infinity and -Infinity. Duplicate keys,
// bytes that are not UTF-8, too deep or too large input and trailing garbage are errors with the offset. Pure
// functions.
#pragma once

#include <string>
#include <string_view>

#include "ballast/limits.h"
#include "ballast/tree.h"

namespace ballast::json {

/// `where` names the file (and part) for messages. Throws damaged or limit_exceeded with the offset.
Tree parse(std::string_view text, const Limits& limits, std::string_view where);

/// Compact as Python's json.dumps (", " and ": " separators, ensure_ascii) when indent is 0; else indented.
std::string write(const Tree& tree, unsigned indent = 0);

}  // namespace ballast::json
