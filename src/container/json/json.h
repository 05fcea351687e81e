// SPDX-License-Identifier: Apache-2.0
// JSON <-> Tree. RapidJSON's SAX reader, iterative, numbers kept as text, with our own bounds.
//
// Accepts what Python's json module reads and writes, including NaN, Infinity and -Infinity. Duplicate keys,
// bytes or escapes that are not Unicode text (also lone surrogates), a byte order mark, too deep or too large
// input, numbers beyond a double's range (1e400) and trailing garbage are errors with the offset. Pure
// functions; no recursion.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ballast/limits.h"
#include "ballast/tree.h"

namespace ballast::json {

/// Whether NaN, Infinity and -Infinity are numbers.
enum class Words : std::uint8_t { python, none };

/// `where` names the file (and part) for messages; `base` is added to reported offsets (the text's place in
/// the file). Throws damaged or limit_exceeded with the offset.
Tree parse(std::string_view text, const Limits& limits, std::string_view where, std::uint64_t base = 0,
           Words words = Words::python);

/// Byte for byte what Python's json.dumps gives: (", " and ": " separators, ensure_ascii) when indent is 0,
/// else as with indent=n. Numbers are written verbatim. A byte that is not UTF-8 becomes U+FFFD.
std::string write(const Tree& tree, unsigned indent = 0);
/// The same behind `text`, for a large document made of parts.
void append(std::string& text, const Tree& tree);

}  // namespace ballast::json
