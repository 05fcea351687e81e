// SPDX-License-Identifier: Apache-2.0
// File names with places for values, see path_template.h.
#include "checkpoint/path_template.h"

#include <algorithm>

#include "ballast/error.h"
#include "checkpoint/format_spec.h"

namespace ballast {
namespace {

Error bad(std::string_view text, const std::string& why) {
    return Error(ErrorCode::invalid_argument, "the file name '" + std::string(text) + "': " + why)
        .hint("fields look like {epoch:02d} or {val_loss:.2f}; write {{ and }} for braces");
}

}  // namespace

PathTemplate::PathTemplate(std::string_view text) : text_(text) {
    std::string literal;
    const auto flush = [&] {
        if (!literal.empty()) parts_.push_back({std::move(literal), {}, false});
        literal.clear();
    };
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        const bool doubled = at + 1 < text.size() && text[at + 1] == c;
        if ((c == '{' || c == '}') && doubled) {
            literal += c;
            ++at;
        } else if (c == '}') {
            throw bad(text, "a '}' without its '{'");
        } else if (c != '{') {
            literal += c;
        } else {
            const std::size_t end = text.find('}', at);
            if (end == text.npos) throw bad(text, "a '{' without its '}'");
            const std::string_view field = text.substr(at + 1, end - at - 1);
            const std::size_t colon = field.find(':');
            const std::string_view name = field.substr(0, colon);
            if (name.empty() || name.find_first_of("![.{") != name.npos ||
                std::all_of(name.begin(), name.end(), [](char d) { return d >= '0' && d <= '9'; }))
                throw bad(text, "'{" + std::string(field) + "}' does not name a value");
            const std::string_view spec = colon == field.npos ? "" : field.substr(colon + 1);
            if (spec.find('{') != spec.npos) throw bad(text, "a field inside a field");
            flush();
            parts_.push_back({std::string(name), std::string(spec), true});
            at = end;
        }
    }
    flush();
}

std::string PathTemplate::fill(const Values& values) const {
    std::string result;
    for (const Part& part : parts_) {
        if (!part.field) {
            result += part.text;
            continue;
        }
        const auto value = values.find(part.text);
        if (value == values.end()) {
            std::string known;
            for (const auto& entry : values)
                known += (known.empty() ? "" : ", ") + entry.first;
            throw Error(ErrorCode::name_not_found,
                        "the file name '" + text_ + "' asks for '" + part.text + "', which has no value")
                .hint("there are: " + known);
        }
        const auto* integer = std::get_if<std::int64_t>(&value->second);
        result += integer != nullptr ? format_integer(*integer, part.spec)
                                     : format_float(std::get<double>(value->second), part.spec);
    }
    return result;
}

std::string PathTemplate::plain() const {
    std::string result;
    for (const Part& part : parts_)
        result += part.field ? "{" + part.text + "}" : part.text;
    return result;
}

std::string PathTemplate::prefix() const {
    return parts_.empty() || parts_.front().field ? std::string() : parts_.front().text;
}

bool PathTemplate::has_fields() const noexcept {
    return std::any_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.field; });
}

}  // namespace ballast
