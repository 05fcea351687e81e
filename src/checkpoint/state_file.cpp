// SPDX-License-Identifier: Apache-2.0
// TensorFlow's state file `checkpoint`, see state_file.h.
#include "checkpoint/state_file.h"

#include <algorithm>

#include "core/text.h"

namespace ballast {
namespace {

constexpr std::uint64_t most_read = 1 << 20;

bool is_plain(std::string_view name) {
    const auto parts = split(name, '/');
    return std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
        return !part.empty() && part != "." && part != ".." && part.find('\0') == std::string_view::npos;
    });
}

}  // namespace

bundle::StateFile read_state_file(const io::Source& source) {
    std::string text(static_cast<std::size_t>(std::min(source.size(), most_read)), '\0');
    source.read_at(0, std::as_writable_bytes(std::span(text)));
    return bundle::read_state(text);
}

std::string name_of_state_path(std::string_view path) {
    std::string name(path);
    if (!is_plain(name)) name = name.substr(name.rfind('/') + 1);
    if (!is_plain(name)) return {};
    const std::string pattern = "-" + std::string(5, '?') + "-of-";
    if (const std::size_t at = name.rfind(pattern); at != std::string::npos) name.replace(at + 1, 5, "00000");
    return name;
}

bool is_checkpoint(const io::Fs& folder, const std::string& name) {
    return folder.stat(name) || folder.stat(name + ".index");
}

}  // namespace ballast
