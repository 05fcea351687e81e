// SPDX-License-Identifier: Apache-2.0
// Words among assets, see vocabulary_file.h.
#include "convert/vocabulary_file.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <string>
#include <variant>

#include "ballast/error.h"
#include "ballast/io.h"

namespace ballast {
namespace {

const Extent* whole_file(const std::vector<Blob>& assets, std::string_view name) {
    for (const Blob& asset : assets) {
        const auto* extent = std::get_if<Extent>(&asset.bytes);
        if (asset.name == name && extent != nullptr && extent->offset == 0 &&
            extent->length == extent->source->size())
            return extent;
    }
    return nullptr;
}

std::string text_of(const io::Source& source, const Limits& limits) {
    if (source.size() > limits.json_bytes)
        throw Error(ErrorCode::limit_exceeded, "the vocabulary is larger than the limit json_bytes")
            .in(source.path());
    std::string text(static_cast<std::size_t>(source.size()), '\0');
    source.read_at(0, std::as_writable_bytes(std::span(text)));
    return text;
}

/// A word a line; IntegerLookup's are numbers.
Tree words_of(std::string_view text, bool numbers, std::string_view path) {
    Tree list = Tree::array();
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!numbers) {
            list.push_back(Tree(line));
            continue;
        }
        std::int64_t value = 0;
        const auto [stop, failure] = std::from_chars(line.data(), line.data() + line.size(), value);
        if (failure != std::errc() || stop != line.data() + line.size())
            throw Error(ErrorCode::damaged, "the vocabulary of an IntegerLookup holds no number").in(path);
        list.push_back(Tree(value));
    }
    return list;
}

}  // namespace

bool is_lookup(std::string_view class_name) {
    return class_name == "StringLookup" || class_name == "IntegerLookup" || class_name == "TextVectorization";
}

std::optional<Tree> words_in(const std::vector<Blob>& assets, std::string_view name, bool numbers,
                             const Limits& limits) {
    const Extent* asset = whole_file(assets, name);
    if (asset == nullptr) return std::nullopt;
    return words_of(text_of(*asset->source, limits), numbers, name);
}

}  // namespace ballast
