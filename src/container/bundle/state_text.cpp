// SPDX-License-Identifier: Apache-2.0
// Writing the state file, see state_text.h.
#include "container/bundle/state_text.h"

namespace ballast::bundle {
namespace {

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\'' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\n' || c == '\r' || c == '\t') {
            out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
        } else if (byte < 0x20 || byte >= 0x7f) {
            out += '\\';
            for (int shift = 6; shift >= 0; shift -= 3)
                out += static_cast<char>('0' + ((byte >> shift) & 7));
        } else {
            out += c;
        }
    }
    return out + '"';
}

}  // namespace

std::string state_text(std::string_view prefix) {
    const std::string name = quoted(prefix);
    return "model_checkpoint_path: " + name + "\nall_model_checkpoint_paths: " + name + "\n";
}

}  // namespace ballast::bundle
